"""Whether arms of the same accuracy are the same model: predictions, outputs, calibration."""
