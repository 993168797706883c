//! What must hold for any input: the fuzz targets' oracles as plain functions.

