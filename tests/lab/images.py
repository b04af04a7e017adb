"""Makes images and worklist entries of nobody: small, invented, one of each kind."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)
from pynetdicom import sop_class as sop

if TYPE_CHECKING:
    from pathlib import Path

ROOT = "1.2.826.0.1.3680043.10.1511"
KINDS = {
    "CT": (sop.CTImageStorage, ExplicitVRLittleEndian, 96),
    "MR": (sop.MRImageStorage, ImplicitVRLittleEndian, 80),
    "US": (sop.UltrasoundImageStorage, JPEGBaseline8Bit, 64),
    "CR": (sop.ComputedRadiographyImageStorage, RLELossless, 64),
    "NM": (sop.NuclearMedicineImageStorage, ExplicitVRBigEndian, 32),
    "OT": (sop.SecondaryCaptureImageStorage, DeflatedExplicitVRLittleEndian, 48),
}
"""By modality: SOP class, transfer syntax and the side of the image in pixels."""


def image(modality: str, number: int = 1, side: int | None = None) -> Dataset:
    """Return an image of noise, of an invented patient, in its modality's transfer syntax."""
    sop_class, syntax, size = KINDS[modality]
    size = side or size
    code = list(KINDS).index(modality) + 1
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, f"{ROOT}.3.{code}.{number}"
    ds.StudyInstanceUID = f"{ROOT}.1.{code}"
    ds.SeriesInstanceUID = f"{ROOT}.2.{code}"
    ds.PatientID, ds.PatientName = f"LAB{code}", f"Nobody^{modality}"
    ds.PatientBirthDate, ds.PatientSex = "", ""
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber, ds.StudyID = "20260302", "080000", "", "1"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = modality, 1, number
    ds.ReferringPhysicianName, ds.ImageType = "", ["ORIGINAL", "PRIMARY"]
    colour = modality == "US"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = (3, "YBR_FULL_422") if colour else (
        1, "MONOCHROME2",
    )  # fmt: skip
    ds.Rows = ds.Columns = size
    bits = 8 if colour else 16
    ds.BitsAllocated = ds.BitsStored = bits
    ds.HighBit, ds.PixelRepresentation = bits - 1, 0
    if colour:
        ds.PlanarConfiguration = 0
    random = np.random.default_rng(code * 1000 + number)
    shape = (size, size, 3) if colour else (size, size)
    pixels = random.integers(0, 250, shape, dtype=np.uint8 if colour else np.uint16)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    if syntax == JPEGBaseline8Bit:
        jpeg = io.BytesIO()
        Image.fromarray(pixels).save(jpeg, "jpeg", quality=60)
        ds.PixelData = encapsulate([jpeg.getvalue()])
        ds["PixelData"].is_undefined_length = True
    else:
        ds.PixelData = pixels.astype(">u2" if syntax == ExplicitVRBigEndian else "<u2").tobytes()
    ds["PixelData"].VR = "OB" if colour else "OW"
    if syntax == RLELossless:
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.compress(RLELossless)
    return ds


def save(ds: Dataset, path: Path) -> Path:
    """Write a DICOM file."""
    ds.save_as(path, enforce_file_format=True)
    return path


def data_bytes(path: Path) -> int:
    """Return how much of a file is its data set: what C-STORE sends where nothing is converted."""
    octets = path.read_bytes()
    group_length = 128 + 4 + 8  # preamble, prefix, and tag, VR and length of (0002,0000)
    start = group_length + 4 + int.from_bytes(octets[group_length : group_length + 4], "little")
    return len(octets) - start


def worklist_entry(number: int) -> Dataset:
    """Return a worklist entry, for wlmscpfs."""
    ds = Dataset()
    ds.SpecificCharacterSet, ds.AccessionNumber = "ISO_IR 100", f"A{number}"
    ds.PatientName, ds.PatientID = f"Nobody^{number}", f"LAB{number}"
    ds.PatientBirthDate, ds.PatientSex = "19000101", "O"
    ds.StudyInstanceUID, ds.RequestedProcedureDescription = f"{ROOT}.5.{number}", "CT"
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = "CT", "CT1"
    step.ScheduledProcedureStepStartDate = "20260302"
    step.ScheduledProcedureStepStartTime = "080000"
    step.ScheduledPerformingPhysicianName = ""
    step.ScheduledProcedureStepDescription, step.ScheduledProcedureStepID = "CT", f"S{number}"
    ds.ScheduledProcedureStepSequence = [step]
    ds.RequestedProcedureID = f"R{number}"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop.ModalityWorklistInformationFind
    ds.file_meta.MediaStorageSOPInstanceUID = f"{ROOT}.6.{number}"
    return ds
