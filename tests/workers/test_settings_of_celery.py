"""Section 3 of the reliability plan, setting by setting: what Celery really has, in worker and API alike."""

from typing import Any

import pytest

from workers.app import BUILD_HARD_LIMIT_S, BUILD_SOFT_LIMIT_S, HARD_LIMIT_S, TASK_OF, create_celery

REDIS = "redis://127.0.0.1:6379/0"
MANDATED: dict[str, Any] = {
    "broker_connection_retry_on_startup": True,
    "broker_connection_retry": True,
    "broker_connection_max_retries": None,
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
    "task_reject_on_worker_lost": True,
    "task_acks_on_failure": True,
    "task_acks_on_timeout": True,
    "worker_prefetch_multiplier": 1,
    "task_soft_time_limit": 60,
    "task_time_limit": 90,
    "worker_pool": "prefork",
    "worker_proc_alive_timeout": 120,
    "worker_max_tasks_per_child": 1000,
    "worker_max_memory_per_child": 3_000_000,
    "worker_soft_shutdown_timeout": 60,
    "worker_enable_soft_shutdown_on_idle": False,
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "task_send_sent_event": False,
    "worker_send_task_events": False,
}
TRANSPORT: dict[str, Any] = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "retry_on_timeout": True,
    "health_check_interval": 25,
    "global_keyprefix": "posterity:",
}
# Who rings answers people: it must not wait as a worker may.
RINGING = {"socket_timeout", "socket_connect_timeout", "retry_on_timeout"}


@pytest.mark.parametrize("ringing", [False, True])
@pytest.mark.parametrize("broker", [REDIS, "memory://"])
@pytest.mark.parametrize("name", MANDATED)
def test_each_setting_is_the_mandated_one(name: str, broker: str, ringing: bool) -> None:
    assert create_celery(broker, ringing).conf[name] == MANDATED[name]


@pytest.mark.parametrize("name", TRANSPORT)
def test_each_option_of_redis_is_the_mandated_one(name: str) -> None:
    assert create_celery(REDIS).conf.broker_transport_options[name] == TRANSPORT[name]


def test_the_api_shares_with_the_workers_whatever_the_broker_must_agree_on() -> None:
    ours = create_celery(REDIS, ringing=True).conf.broker_transport_options
    assert {name: ours[name] for name in TRANSPORT if name not in RINGING} == {
        name: value for name, value in TRANSPORT.items() if name not in RINGING
    }
    assert ours["socket_timeout"] <= 0.5 and ours["socket_connect_timeout"] <= 0.5
    assert ours["max_retries"] == 0 and not ours["retry_on_timeout"]


def test_no_message_comes_back_while_its_task_may_still_run() -> None:
    assert TRANSPORT["visibility_timeout"] > 4 * HARD_LIMIT_S


def test_building_has_limits_of_its_own_and_nothing_else_has() -> None:
    limits = {"soft_time_limit": BUILD_SOFT_LIMIT_S, "time_limit": BUILD_HARD_LIMIT_S}
    assert create_celery(REDIS).conf.task_annotations == {TASK_OF["build"]: limits}
    assert BUILD_SOFT_LIMIT_S < BUILD_HARD_LIMIT_S


def test_results_retries_and_delays_are_used_nowhere() -> None:
    """Progress is a row, and so is a pause: messages of that kind were lost or looped in Celery's past."""
    app = create_celery(REDIS)
    assert app.conf.result_backend is None
    assert type(app.backend).__name__ == "DisabledBackend"
