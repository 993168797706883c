//! The images of a module's own memories, which its instances begin with.

use crate::decode::ModuleInfo;
use crate::types::MemoryIndex;
use crate::vm::owned::bounds::Bounds;
use crate::vm::owned::image::Image;
use crate::vm::owned::pool::MemoryPool;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// The images of a module. They are made for its second instance: what is instantiated once is faster copied.
pub(crate) struct MemoryImages {
    pool: Arc<MemoryPool>,
    instantiated: AtomicBool,
    /// By own memory.
    images: OnceLock<Box<[Option<Arc<Image>>]>>,
}

impl MemoryImages {
    /// Those of a module of an engine with this pool.
    pub(crate) fn new(pool: &Arc<MemoryPool>) -> MemoryImages {
        MemoryImages { pool: pool.clone(), instantiated: AtomicBool::new(false), images: OnceLock::new() }
    }

    /// The images for the next instance, by own memory, or none.
    pub(in crate::vm) fn next(&self, info: &ModuleInfo, bounds: Bounds) -> &[Option<Arc<Image>>] {
        if let Some(images) = self.images.get() {
            return images;
        }
        if !self.instantiated.swap(true, Relaxed) || !self.pool.keeps_memories() {
            return &[];
        }
        self.images.get_or_init(|| make(info, bounds))
    }
}

fn make(info: &ModuleInfo, bounds: Bounds) -> Box<[Option<Arc<Image>>]> {
    // If an element segment does not fit, an imported table may already lead to functions that see the memory without its data.
    if info.imported_tables > 0 {
        return Box::default();
    }
    let own = (info.imported_memories..info.memories.len() as u32).map(MemoryIndex);
    own.map(|memory| {
        let ty = &info.memories[memory.index()];
        let is_guarded = bounds.of(ty) == Bounds::Guarded && !ty.shared;
        if is_guarded { Image::of(info, memory).map(Arc::new) } else { None }
    })
    .collect()
}

impl Drop for MemoryImages {
    fn drop(&mut self) {
        for image in self.images.get().into_iter().flatten().flatten() {
            self.pool.forget(image);
        }
    }
}
