"""Ports on which DICOM is taken to run where nothing else tells."""

from __future__ import annotations

DICOM_PORTS = (104, 11112, 2761, 2762, 4242)
"""Ports of DICOM: IANA's acr-nema, dicom, dicom-iscl, dicom-tls, and Orthanc's default."""
PORTS_BY_NAME = {"acr-nema": 104, "dicom": 11112, "dicom-iscl": 2761, "dicom-tls": 2762}
"""IANA's names of them."""
