//! Reads the instruction tables and writes the assembler's forms and mnemonics.

