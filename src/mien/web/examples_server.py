"""Examples of what the server says of itself and of its models."""

from __future__ import annotations

from typing import Any

from mien.core.labels import COLOURS, FERPLUS

_SHARES = (0.3334, 0.2647, 0.1227, 0.1236, 0.0914, 0.0141, 0.0289, 0.0212)

SETTINGS_REPLY: dict[str, Any] = {
    "version": "0.1.0",
    "recording": True,
    "store": "SQLite",
    "local": True,
    "token": False,
    "https": False,
    "metrics": True,
    "deepface_api": False,
    "bundle": "mien-s",
    "detector": "blazeface",
    "prior": "default",
    "prior_strength": None,
    "uncertain_below": 0.0,
    "smoothing_s": 0.35,
    "workers": 2,
    "threads": 1,
    "limits": {
        "max_upload_bytes": 32_000_000,
        "max_video_bytes": 2_000_000_000,
        "max_video_s": 43_200.0,
        "max_job_photos": 500,
        "job_days": 7,
        "max_images": 32,
        "max_pixels": 50_000_000,
        "max_frame_bytes": 2_000_000,
        "frames_per_s": 60.0,
        "max_connections": 24,
        "requests_per_s": 20.0,
        "request_burst": 60,
    },
    "picture_types": ["image/jpeg", "image/png", "image/webp"],
    "video_types": ["video/mp4", "video/webm"],
}

# Shortened: a model has every label set, rule and condition that was measured.
MODEL_REPLY: dict[str, Any] = {
    "name": "mien-s",
    "active": True,
    "version": "0.1.0",
    "created": "2026-11-22T01:59:30+00:00",
    "architecture": "residual",
    "parameters": 1_760_067,
    "precision": "int8",
    "graph_bytes": 1_996_075,
    "licence": "Apache-2.0",
    "input": {"size_px": 64, "channels": 1, "colour": "gray"},
    "default_label_set": "ferplus",
    "heads": [
        {
            "label_set": "ferplus",
            "labels": [{"name": name, "colour": COLOURS[name]} for name in FERPLUS.labels],
            "training_shares": dict(zip(FERPLUS.labels, _SHARES, strict=True)),
            "temperature": 0.653,
            "prior_strength": 0.45,
        }
    ],
    "data": {"name": "fer2013", "faces": {"train": 28709, "validation": 3589}},
    "evaluations": [
        {
            "dataset": "fer2013",
            "split": "test",
            "label_set": "ferplus",
            "rule": "majority",
            "rule_text": "more than half of the FER+ votes agree",
            "command": "mien evaluate mien-s --data data --split test",
            "results": [
                {
                    "crops": "single",
                    "images": "published",
                    "n": 3153,
                    "accuracy": 0.875,
                    "accuracy_low": 0.863,
                    "accuracy_high": 0.886,
                    "log_loss": 0.353,
                    "macro_f1": 0.723,
                    "balanced_accuracy": 0.726,
                    "expected_calibration_error": 0.012,
                    "baseline_accuracy": 0.346,
                    "recall": {"happiness": 0.931, "neutral": 0.897},
                }
            ],
        }
    ],
    "robustness": [
        {
            "dataset": "fer2013",
            "split": "test",
            "label_set": "ferplus",
            "rule": "majority",
            "n": 3153,
            "accuracy": 0.875,
            "command": "mien robustness mien-s --data data --split test",
            "conditions": [
                {
                    "name": "covered eyes",
                    "accuracy": 0.794,
                    "loss": 0.081,
                    "loss_low": 0.068,
                    "loss_high": 0.093,
                }
            ],
        }
    ],
    "card_markdown": "# mien-s\n\nFacial expression recognition on one gray face.\n",
    "card_html": "<h2>mien-s</h2>\n<p>Facial expression recognition on one gray face.</p>\n",
    "failures": "/v1/models/mien-s/failures.png",
}
