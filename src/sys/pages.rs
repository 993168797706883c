//! Pages: reserved address space, code, guards.
