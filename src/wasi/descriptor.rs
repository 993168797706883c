//! File descriptors: what each is, and the table of a program's open ones.

use super::abi::Errno;
use super::open_file::OpenFile;
use super::rights::{Inheriting, Rights, reaches_no_further};
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
    pub(super) inheriting: Inheriting,
}

/// The open descriptors of one program, by number.
pub(super) struct Descriptors {
    by_number: Vec<Option<Descriptor>>,
    /// How many the guest may have open.
    max: usize,
}

/// A number that no descriptor has, for which there is room.
pub(super) struct Vacancy(usize);

impl Descriptors {
    /// Those that the program starts with, which `max` does not keep from it.
    pub(super) fn new(first: impl Iterator<Item = Descriptor>, max: usize) -> Descriptors {
        Descriptors { by_number: first.map(Some).collect(), max }
    }

    /// The lowest free number. To be asked for before anything is opened: what comes too late must not have created a file.
    pub(super) fn vacancy(&mut self) -> Result<Vacancy, Errno> {
        let number = self.by_number.iter().position(Option::is_none).unwrap_or(self.by_number.len());
        if number >= self.max {
            return Err(Errno::Mfile);
        }
        self.by_number.try_reserve(1).map_err(|_| Errno::Nomem)?;
        Ok(Vacancy(number))
    }

    /// Gives a descriptor its number.
    pub(super) fn insert(&mut self, Vacancy(number): Vacancy, descriptor: Descriptor) -> u32 {
        if number == self.by_number.len() {
            self.by_number.push(None);
        }
        self.by_number[number] = Some(descriptor);
        number as u32
    }

    /// The descriptor of that number, whatever it allows.
    pub(super) fn get(&mut self, number: u32) -> Result<&mut Descriptor, Errno> {
        self.by_number.get_mut(number as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
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
        let descriptor = self.by_number.get(number as usize).and_then(Option::as_ref).ok_or(Errno::Badf)?;
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

    /// Two directories at once, to move or link something from the old one to the new one, where it must not gain rights.
    pub(super) fn directories(
        &mut self,
        (old, old_rights): (u32, Rights),
        (new, new_rights): (u32, Rights),
    ) -> Result<(&File, &File), Errno> {
        self.directory(old, old_rights)?;
        self.directory(new, new_rights)?;
        let directory = |number: u32| match &self.by_number[number as usize] {
            Some(Descriptor { object: Object::Directory(file, _), base, inheriting }) => (file, (*base, *inheriting)),
            _ => unreachable!("checked above: both are directories"),
        };
        let ((old, old_rights), (new, new_rights)) = (directory(old), directory(new));
        if reaches_no_further(new_rights, old_rights) { Ok((old, new)) } else { Err(Errno::Notcapable) }
    }

    pub(super) fn close(&mut self, number: u32) -> Result<(), Errno> {
        self.by_number.get_mut(number as usize).and_then(Option::take).map(drop).ok_or(Errno::Badf)
    }

    /// Moves a descriptor to the number of another one, which it replaces.
    pub(super) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(to)?;
        self.get(from)?;
        if from != to {
            self.by_number[to as usize] = self.by_number[from as usize].take();
        }
        Ok(())
    }
}
