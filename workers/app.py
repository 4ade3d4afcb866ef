"""Celery's application: settings and task names only, so that the API can ring without knowing the tasks.

Each value follows reliability.md section 3: a message is a bell, the catalog row is the truth, so nothing here
needs results, retries or ETAs.
"""

from typing import Any

from celery import Celery
from kombu import Exchange, Queue

KINDS = ("fetch", "embed", "build")
TASK_OF = {kind: f"posterity.{kind}" for kind in KINDS}
TASKS_MODULE = "workers.tasks"  # by name: only a worker process imports it
VISIBILITY_S = 600  # the same for the API and every worker: the shortest one on a broker wins
SOFT_LIMIT_S, HARD_LIMIT_S = 60, 90  # 4 x the hard limit stays below the visibility timeout
POLL_S = 0.05  # between looks into a memory:// queue; kombu's default of 1 s would idle the encoder between bells
LOST_WAIT_S = 0.5  # for a dead child's last word, which we ignore; with Celery's 10 s the worker stood still so long
BUILD_SOFT_LIMIT_S, BUILD_HARD_LIMIT_S = 3600, 3700  # a train or rebuild; its bell may come again, the claim may not
RING_TIMEOUT_S = 0.5  # for who rings while somebody waits for his answer: a Redis in the same network takes 1 ms


def create_celery(broker_url: str, ringing: bool = False) -> Celery:
    """Celery on this broker, with the queues `fetch`, `embed` and `build`.

    Args:
        ringing: for who only rings: a broker that does not answer at once is given up at once.
    """
    # A host name that means nothing keeps kombu from warning that it is missing.
    app = Celery("posterity", broker="memory://localhost/" if broker_url.startswith("memory://") else broker_url)
    app.conf.update(_settings(_transport_options(broker_url, ringing)))
    return app


def _transport_options(broker_url: str, ringing: bool) -> dict[str, Any]:
    if not broker_url.startswith("redis"):
        return {"polling_interval": POLL_S}
    return {**_redis_options(), **(_impatient() if ringing else {})}


def _settings(transport_options: dict[str, Any]) -> dict[str, Any]:
    return {
        "broker_transport_options": transport_options,
        "broker_connection_retry_on_startup": True,
        "broker_connection_retry": True,
        "broker_connection_max_retries": None,
        # A full Redis refuses a worker's acknowledgement; without this Celery ends the worker for it.
        "broker_channel_error_retry": True,
        "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "result_backend": None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,  # safe because the row's attempt is counted before the work
        "task_acks_on_failure": True,
        "task_acks_on_timeout": True,
        "task_soft_time_limit": SOFT_LIMIT_S,
        "task_time_limit": HARD_LIMIT_S,
        "task_annotations": {
            TASK_OF["build"]: {"soft_time_limit": BUILD_SOFT_LIMIT_S, "time_limit": BUILD_HARD_LIMIT_S}
        },
        "task_queues": [Queue(kind, Exchange(kind), routing_key=kind) for kind in KINDS],
        "task_routes": {TASK_OF[kind]: {"queue": kind} for kind in KINDS},
        "task_default_queue": "fetch",
        "task_send_sent_event": False,
        **_worker_settings(),
        "imports": (),
    }


def _worker_settings() -> dict[str, Any]:
    return {
        "worker_prefetch_multiplier": 1,
        "worker_pool": "prefork",
        "worker_proc_alive_timeout": 120,
        "worker_lost_wait": LOST_WAIT_S,
        "worker_max_tasks_per_child": 1000,
        "worker_max_memory_per_child": 3_000_000,  # KiB; VGG16 peaks at 1.8 GB in batches up to 16
        "worker_soft_shutdown_timeout": 60,
        "worker_enable_soft_shutdown_on_idle": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "worker_send_task_events": False,
        # Nobody commands workers over the broker, so nobody may. And the channel for it can hang a worker for good:
        # after a line that swallowed everything redis-py reads on it, again and again, in the thread of all else.
        "worker_enable_remote_control": False,
    }


def _redis_options() -> dict[str, Any]:
    return {
        "visibility_timeout": VISIBILITY_S,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_keepalive": True,
        "socket_timeout": 30,
        "socket_connect_timeout": 5,
        "retry_on_timeout": True,
        "health_check_interval": 25,
        "global_keyprefix": "posterity:",
    }


def _impatient() -> dict[str, Any]:
    """What is other for who rings: one try at a connection and short waits.

    With the patience of a worker a POST took 120 s while Redis was frozen (measured), four times its 30 s.
    """
    return {
        "socket_timeout": RING_TIMEOUT_S,
        "socket_connect_timeout": RING_TIMEOUT_S,
        "retry_on_timeout": False,
        "max_retries": 0,
    }
