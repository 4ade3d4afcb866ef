import dataclasses

import pytest

from posters.fingerprint import Fingerprint

SHA256 = "ab" * 32


def test_the_key_of_stored_vectors_never_changes() -> None:
    assert str(Fingerprint(SHA256)) == (
        f"vgg16.block5_pool; weights sha256 {SHA256}; bicubic 224x224; caffe mean bgr 103.939,116.779,123.68; "
        "7x7x512 channels last; float32"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"weights_sha256": "cd" * 32},
        {"compute_dtype": "float16"},
        {"model": "vgg19.block5_pool"},
        {"resample": "nearest"},
        {"size": (256, 256)},
        {"mean_bgr": (0.0, 0.0, 0.0)},
        {"layout": "512x7x7 channels first"},
    ],
)
def test_whatever_changes_the_vectors_changes_the_key(change: dict[str, object]) -> None:
    assert str(dataclasses.replace(Fingerprint(SHA256), **change)) != str(Fingerprint(SHA256))
