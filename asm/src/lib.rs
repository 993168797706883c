//! `planish-asm`: a typed, allocation-free amd64 assembler.
#![no_std]
#![forbid(unsafe_code)]
