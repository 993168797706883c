//! Calls on open files and directories, by the model and by the engine.

use super::descriptors::{self as right, Descriptor, Object, OpenFile, Rights};
use super::guest::{DATA, RESULT};
use super::tree::{Kind, NodeId};
use super::{Failure, Run};
use std::collections::BTreeSet;

impl Run<'_> {
    pub(super) fn compare_rights(&mut self, number: u64) {
        assert_eq!(self.guest.call("fd_fdstat_get", &[number, RESULT.into()]), 0);
        let found = (self.guest.u64_at(RESULT + 8), self.guest.u64_at(RESULT + 16));
        let rights = self.descriptors.get(number).expect("open").rights;
        assert_eq!(found, (rights.base, rights.inheriting()), "descriptor {number}: {:#?}", self.log);
    }

    /// The descriptor, if it has the rights, of whatever it is.
    pub(super) fn with_rights(&self, number: u64, needed: u64) -> Result<Descriptor, Failure> {
        let descriptor = self.descriptors.get(number).ok_or(Failure::Other)?;
        if descriptor.rights.base & needed == needed { Ok(descriptor.clone()) } else { Err(Failure::Notcapable) }
    }

    /// The open file, if it has the rights; anything else is refused for what it is.
    pub(super) fn file(&self, number: u64, needed: u64) -> Result<(NodeId, OpenFile), Failure> {
        match self.descriptors.get(number) {
            Some(Descriptor { object: Object::File(file), node, .. }) => {
                self.with_rights(number, needed).map(|_| (*node, file.clone()))
            }
            _ => Err(Failure::Other),
        }
    }

    pub(super) fn content(&mut self, node: NodeId) -> &mut Vec<u8> {
        match &mut self.tree.node_mut(node).kind {
            Kind::File(content) => content,
            _ => unreachable!("an open file is a file"),
        }
    }

    pub(super) fn set_position(&mut self, number: u64, position: u64) {
        if let Some(Some(Descriptor { object: Object::File(file), .. })) =
            self.descriptors.open.get_mut(number as usize)
        {
            file.position = position;
        }
    }

    /// One buffer at `DATA`; what the calls take to say so.
    pub(super) fn buffer(&mut self, len: usize) -> [u64; 2] {
        self.guest.put(RESULT + 16, &DATA.to_le_bytes());
        self.guest.put(RESULT + 20, &(len as u32).to_le_bytes());
        [u64::from(RESULT + 16), 1]
    }

    pub(super) fn read(&mut self) {
        let (fd, len, offset) = (self.number(), self.choices.below(20), self.choices.below(12) as u64);
        let [array, count] = self.buffer(len);
        let at_offset = self.choices.below(3) == 0;
        let file = match at_offset {
            true => self.file(fd, right::FD_READ | right::FD_SEEK),
            // Of anything else than a file the right is asked for first.
            false => self.with_rights(fd, right::FD_READ).and_then(|_| self.file(fd, right::FD_READ)),
        };
        let stream = matches!(self.with_rights(fd, right::FD_READ), Ok(Descriptor { object: Object::Stream, .. }));
        let expected = if stream && !at_offset { Ok(()) } else { file.as_ref().map(drop).map_err(|failure| *failure) };
        let done = match at_offset {
            true => self.call("fd_pread", &[fd, array, count, offset, RESULT.into()], expected),
            false => self.call("fd_read", &[fd, array, count, RESULT.into()], expected),
        };
        if let (true, Ok((node, file))) = (done, file) {
            let from = if at_offset { offset } else { file.position };
            let known: Vec<u8> = self.content(node).iter().skip(from as usize).take(len).copied().collect();
            let found = self.guest.bytes(DATA, self.guest.u32_at(RESULT));
            assert_eq!(found, known, "{:#?}", self.log);
            if !at_offset {
                self.set_position(fd, from + known.len() as u64);
            }
        }
    }

    pub(super) fn write(&mut self) {
        let (fd, len, offset) = (self.number(), 1 + self.choices.below(9), self.choices.below(12) as u64);
        let bytes = vec![self.choices.byte(); len];
        self.guest.put(DATA, &bytes);
        let [array, count] = self.buffer(len);
        let at_offset = self.choices.below(3) == 0;
        let file = match at_offset {
            true => self.file(fd, right::FD_WRITE | right::FD_SEEK),
            false => self.with_rights(fd, right::FD_WRITE).and_then(|_| self.file(fd, right::FD_WRITE)),
        };
        let stream = matches!(self.with_rights(fd, right::FD_WRITE), Ok(Descriptor { object: Object::Stream, .. }));
        let expected = if stream && !at_offset { Ok(()) } else { file.as_ref().map(drop).map_err(|failure| *failure) };
        let done = match at_offset {
            true => self.call("fd_pwrite", &[fd, array, count, offset, RESULT.into()], expected),
            false => self.call("fd_write", &[fd, array, count, RESULT.into()], expected),
        };
        if let (true, Ok((node, file))) = (done, file) {
            self.tree.node_mut(node).modified = None;
            let content = self.content(node);
            // Linux appends wherever a position says (pwrite(2), BUGS).
            let from = if file.append {
                content.len()
            } else if at_offset {
                offset as usize
            } else {
                file.position as usize
            };
            content.resize(content.len().max(from + len), 0);
            content[from..from + len].copy_from_slice(&bytes);
            if !at_offset {
                self.set_position(fd, (from + len) as u64);
            }
        }
    }

    pub(super) fn seek(&mut self) {
        let (fd, whence, by) = (self.number(), self.choices.below(3) as u64, self.choices.below(16) as i64 - 4);
        let telling = self.choices.below(4) == 0;
        let (whence, by) = if telling { (1, 0) } else { (whence, if whence == 0 { by.abs() } else { by }) };
        let needed = if (whence, by) == (1, 0) { right::FD_TELL } else { right::FD_SEEK };
        let position = self.file(fd, needed).and_then(|(node, file)| {
            let from = [0, file.position, self.content(node).len() as u64][whence as usize];
            from.checked_add_signed(by).ok_or(Failure::Other)
        });
        let expected = position.map(drop);
        let done = match telling {
            true => self.call("fd_tell", &[fd, RESULT.into()], expected),
            false => self.call("fd_seek", &[fd, by as u64, whence, RESULT.into()], expected),
        };
        if let (true, Ok(position)) = (done, position) {
            assert_eq!(self.guest.u64_at(RESULT), position, "{:#?}", self.log);
            self.set_position(fd, position);
        }
    }

    pub(super) fn set_size(&mut self) {
        let (fd, size) = (self.number(), self.choices.below(20));
        let file = self.file(fd, right::FD_FILESTAT_SET_SIZE);
        let changed = file.and_then(|(node, file)| if file.writable { Ok(node) } else { Err(Failure::Other) });
        if let Ok(node) = changed {
            self.tree.node_mut(node).modified = None;
            self.content(node).resize(size, 0);
        }
        self.call("fd_filestat_set_size", &[fd, size as u64], changed.map(drop));
    }

    pub(super) fn set_open_times(&mut self) {
        let (fd, time) = (self.number(), self.time());
        let node = self.with_rights(fd, right::FD_FILESTAT_SET_TIMES).and_then(|descriptor| match descriptor.object {
            Object::Stream => Err(Failure::Other),
            _ => Ok(descriptor.node),
        });
        if let Ok(node) = node {
            self.tree.node_mut(node).modified = Some(time);
        }
        self.call("fd_filestat_set_times", &[fd, 0, time, 4], node.map(drop));
    }

    pub(super) fn list(&mut self) {
        let fd = self.directory_number();
        let node = self.directory(fd, right::FD_READDIR).map(|(node, _)| node);
        // Whether what has been removed can be listed is the file system's business.
        if node.is_ok_and(|node| self.tree.is_removed(node)) {
            return;
        }
        let done = self.call("fd_readdir", &[fd, DATA.into(), 0x700, 0, RESULT.into()], node.map(drop));
        if let (true, Ok(node)) = (done, node) {
            let (mut found, mut at, end) = (BTreeSet::new(), DATA, DATA + self.guest.u32_at(RESULT));
            while at < end {
                let len = self.guest.u32_at(at + 16);
                found.insert(String::from_utf8(self.guest.bytes(at + 24, len)).expect("UTF-8"));
                at += 24 + len;
            }
            let known = self.tree.entries(node).keys().cloned().chain([".".into(), "..".into()]);
            assert_eq!(found, known.collect(), "{:#?}", self.log);
        }
    }

    pub(super) fn sync(&mut self) {
        let (fd, call) = (self.number(), self.choices.below(2));
        let (name, needed) = [("fd_sync", right::FD_SYNC), ("fd_datasync", right::FD_DATASYNC)][call];
        let expected = match self.descriptors.get(fd) {
            None | Some(Descriptor { object: Object::Stream, .. }) => Err(Failure::Other),
            _ => self.with_rights(fd, needed).map(drop),
        };
        self.call(name, &[fd], expected);
    }

    pub(super) fn close_or_renumber(&mut self) {
        let (fd, to) = (self.number(), self.number());
        let both = self.descriptors.get(fd).is_some() && self.descriptors.get(to).is_some();
        // Directories that are there from the start are rarely lost.
        if fd < 6 && self.choices.below(8) != 0 {
            return;
        }
        if self.choices.below(2) == 0 {
            let expected = self.descriptors.get(fd).map(drop).ok_or(Failure::Other);
            if self.call("fd_close", &[fd], expected) {
                self.descriptors.open[fd as usize] = None;
            }
        } else if self.call("fd_renumber", &[fd, to], if both { Ok(()) } else { Err(Failure::Other) }) && fd != to {
            self.descriptors.open[to as usize] = self.descriptors.open[fd as usize].take();
        }
    }

    pub(super) fn give_up_rights(&mut self) {
        let fd = self.number();
        let kept = self.descriptors.get(fd).map(|descriptor| {
            let rights = descriptor.rights;
            let (mut base, mut inheriting) = (rights.base, rights.inheriting());
            for _ in 0..self.choices.below(3) {
                base &= !(1 << self.choices.below(28));
                inheriting &= !(1 << self.choices.below(28));
            }
            if self.choices.below(4) == 0 {
                (base | 1 << self.choices.below(30), inheriting)
            } else {
                (base, inheriting)
            }
        });
        let (base, inheriting) = kept.unwrap_or((0, 0));
        let expected = match self.descriptors.get(fd).map(|descriptor| descriptor.rights) {
            None => Err(Failure::Other),
            Some(now) if base & !now.base | inheriting & !now.inheriting() != 0 => Err(Failure::Notcapable),
            Some(_) => Ok(()),
        };
        if self.call("fd_fdstat_set_rights", &[fd, base, inheriting], expected) {
            let descriptor = self.descriptors.open[fd as usize].as_mut().expect("open");
            let Rights { files, directories, .. } = descriptor.rights;
            descriptor.rights = Rights { base, files: files & inheriting, directories: directories & inheriting };
            self.compare_rights(fd);
        }
    }

    pub(super) fn set_flags(&mut self) {
        let (fd, append) = (self.number(), self.choices.below(2) == 1);
        let expected = self.file(fd, right::FD_FDSTAT_SET_FLAGS).map(drop);
        if self.call("fd_fdstat_set_flags", &[fd, append.into()], expected)
            && let Some(Some(Descriptor { object: Object::File(file), .. })) =
                self.descriptors.open.get_mut(fd as usize)
        {
            file.append = append;
        }
    }
}
