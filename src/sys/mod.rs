//! What the operating system and the CPU give: pages, signals, threads, CPU features. Linux on amd64.

pub(crate) mod address_space;
pub(crate) mod cpu;
pub(crate) mod float;
pub(crate) mod image;
pub(crate) mod pagemap;
pub(crate) mod pages;
pub(crate) mod racing;
pub(crate) mod shortage;
pub(crate) mod signals;
mod text;
pub(crate) mod thread;
