//! What a memory contains before anything runs.

use crate::decode::{ConstExpr, ConstOp, DataSegment, ModuleInfo, SegmentMode};
use crate::sys::linux::image::ImageFile;
use crate::sys::linux::pages::{page_bytes, round_to_pages};
use crate::types::MemoryIndex;

/// The contents of whole pages of a memory that has just been instantiated. All others are zero.
pub(crate) struct Image {
    start: usize,
    contents: Contents,
}

enum Contents {
    /// Copied to each memory, which keeps them.
    Bytes(Box<[u8]>),
    /// Mapped by each memory, which gets its own copy of a page when it writes there.
    File(ImageFile),
}

/// An image of so many bytes is copied. More is worth a mapping of its own.
const MAX_COPIED: usize = 64 << 10;
/// An image may have this many zeros around its segments, and as many as it has other bytes.
const MAX_ZEROS: usize = 1 << 20;

impl Image {
    /// The offset of its first byte in the memory, whole pages.
    pub(in crate::vm) fn start(&self) -> usize {
        self.start
    }

    /// Past its last byte; at most the minimum of the memory.
    pub(in crate::vm) fn end(&self) -> usize {
        self.start + self.bytes().len()
    }

    pub(in crate::vm) fn bytes(&self) -> &[u8] {
        match &self.contents {
            Contents::Bytes(bytes) => bytes,
            Contents::File(file) => file.bytes(),
        }
    }

    /// What is to be mapped, unless it is to be copied.
    pub(in crate::vm) fn file(&self) -> Option<&ImageFile> {
        match &self.contents {
            Contents::Bytes(_) => None,
            Contents::File(file) => Some(file),
        }
    }

    /// Of an own memory, if all its segments have constant offsets and fit, and if it is worth it.
    pub(in crate::vm) fn of(info: &ModuleInfo, memory: MemoryIndex) -> Option<Image> {
        let ty = &info.memories[memory.index()];
        let len = ty.bytes_of(ty.minimum);
        let mut segments = Vec::new();
        for segment in &info.data {
            match active(segment) {
                Some((target, offset)) if target == memory => segments.push((offset?, info.data_of(segment))),
                _ => {}
            }
        }
        segments.retain(|(_, bytes)| !bytes.is_empty());
        let start = segments.iter().map(|(offset, _)| *offset as usize).min()? / page_bytes() * page_bytes();
        let ends = segments.iter().map(|(offset, bytes)| u64::from(*offset) + bytes.len() as u64);
        let end = ends.max().filter(|&end| end <= len)?;
        let image_bytes = round_to_pages(end as usize)? - start;
        let data_bytes: usize = segments.iter().map(|(_, bytes)| bytes.len()).sum();
        if image_bytes > data_bytes.saturating_mul(2).saturating_add(MAX_ZEROS) {
            return None;
        }
        let mut contents = Vec::new();
        contents.try_reserve_exact(image_bytes).ok()?;
        contents.resize(image_bytes, 0);
        for (offset, bytes) in segments {
            let offset = offset as usize - start;
            contents[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        let contents = match image_bytes {
            ..=MAX_COPIED => Contents::Bytes(contents.into()),
            _ => Contents::File(ImageFile::new(&contents).ok()?),
        };
        Some(Image { start, contents })
    }
}

/// The memory of an active segment, and the offset if that is a constant.
fn active(segment: &DataSegment) -> Option<(MemoryIndex, Option<u32>)> {
    let SegmentMode::Active { target, offset } = &segment.mode else { return None };
    let offset = match offset {
        ConstExpr::Single(ConstOp::I32(offset)) => Some(*offset as u32),
        _ => None,
    };
    Some((*target, offset))
}
