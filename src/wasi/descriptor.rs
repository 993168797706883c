//! File descriptors: what each is, and the table of a program's open ones.

use super::abi::Errno;
use super::open_file::OpenFile;
use super::rights::Rights;
use super::stream::{Input, Output};
use std::fs::File;

/// What a number of the guest's stands for.
pub(super) enum Object {
    Input(Input),
    Output(Output),
    File(OpenFile),
    /// With the guest's name for it, if it was opened before the program started.
    Directory(File, Option<Box<[u8]>>),
}

/// An open object and what may be done with it.
pub(super) struct Descriptor {
    pub(super) object: Object,
    pub(super) base: Rights,
    /// The most that something opened through this directory can get.
    pub(super) inheriting: Rights,
}

/// The open descriptors of one program, by number.
#[derive(Default)]
pub(super) struct Descriptors(Vec<Option<Descriptor>>);

impl Descriptors {
    /// Gives the lowest free number.
    pub(super) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        if let Some(free) = self.0.iter().position(Option::is_none) {
            self.0[free] = Some(descriptor);
            return Ok(free as u32);
        }
        self.0.try_reserve(1).map_err(|_| Errno::Nomem)?;
        self.0.push(Some(descriptor));
        Ok(self.0.len() as u32 - 1)
    }

    /// The descriptor of that number, whatever it allows.
    pub(super) fn get(&mut self, number: u32) -> Result<&mut Descriptor, Errno> {
        self.0.get_mut(number as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// The object of that number, if all of `rights` are granted.
    pub(super) fn object(&mut self, number: u32, rights: Rights) -> Result<&mut Object, Errno> {
        let descriptor = self.get(number)?;
        if !descriptor.base.contains(rights) {
            return Err(Errno::Notcapable);
        }
        Ok(&mut descriptor.object)
    }

    /// [`object`](Descriptors::object), to look at.
    pub(super) fn peek(&self, number: u32, rights: Rights) -> Result<&Object, Errno> {
        let descriptor = self.0.get(number as usize).and_then(Option::as_ref).ok_or(Errno::Badf)?;
        if descriptor.base.contains(rights) { Ok(&descriptor.object) } else { Err(Errno::Notcapable) }
    }

    /// The file of that number.
    pub(super) fn file(&mut self, number: u32, rights: Rights) -> Result<&mut OpenFile, Errno> {
        let descriptor = self.get(number)?;
        match &mut descriptor.object {
            Object::Directory(..) => Err(Errno::Isdir),
            Object::Input(_) | Object::Output(_) => Err(Errno::Badf),
            Object::File(_) if !descriptor.base.contains(rights) => Err(Errno::Notcapable),
            Object::File(file) => Ok(file),
        }
    }

    /// The file of that number, where a stream cannot be used because it has no positions.
    pub(super) fn seekable(&mut self, number: u32, rights: Rights) -> Result<&mut OpenFile, Errno> {
        match self.get(number)?.object {
            Object::Input(_) | Object::Output(_) => Err(Errno::Spipe),
            Object::File(_) | Object::Directory(..) => self.file(number, rights),
        }
    }

    /// The directory of that number.
    pub(super) fn directory(&mut self, number: u32, rights: Rights) -> Result<&File, Errno> {
        let descriptor = self.get(number)?;
        match &descriptor.object {
            Object::Input(_) | Object::Output(_) | Object::File(_) => Err(Errno::Notdir),
            Object::Directory(..) if !descriptor.base.contains(rights) => Err(Errno::Notcapable),
            Object::Directory(file, _) => Ok(file),
        }
    }

    /// Two directories at once, for what moves or links between them.
    pub(super) fn directories(
        &mut self,
        (old, old_rights): (u32, Rights),
        (new, new_rights): (u32, Rights),
    ) -> Result<(&File, &File), Errno> {
        self.directory(old, old_rights)?;
        self.directory(new, new_rights)?;
        let file = |number: u32| match &self.0[number as usize] {
            Some(Descriptor { object: Object::Directory(file, _), .. }) => file,
            _ => unreachable!("checked above: both are directories"),
        };
        Ok((file(old), file(new)))
    }

    pub(super) fn close(&mut self, number: u32) -> Result<(), Errno> {
        self.0.get_mut(number as usize).and_then(Option::take).map(drop).ok_or(Errno::Badf)
    }

    /// Moves a descriptor to the number of another one, which it replaces.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(to)?;
        self.get(from)?;
        if from != to {
            self.0[to as usize] = self.0[from as usize].take();
        }
        Ok(())
    }
}
