//! Calls of WASI at random, on a real directory, against a model: each succeeds or is refused as the model says, and afterwards the
//! directory, and what lies beside it, is what the model has.

mod descriptors;
mod guest;
mod opened;
mod tree;

use crate::bytes::Choices;
use descriptors::{self as right, Descriptor, Descriptors, Object, OpenFile, Rights, permissions};
use guest::{DATA, Guest, PATH, RESULT, SECOND_PATH};
use planish::wasi::WasiCtxBuilder;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use tree::{Follow, Kind, NodeId, Place, Refused, Tree};

/// How a call may fail: the errno `notcapable` is told apart from all others.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Failure {
    Notcapable,
    Other,
}

impl From<Refused> for Failure {
    fn from(_: Refused) -> Failure {
        Failure::Other
    }
}

type Outcome = Result<(), Failure>;

fn outcome(errno: u16) -> Outcome {
    match errno {
        0 => Ok(()),
        76 => Err(Failure::Notcapable),
        _ => Err(Failure::Other),
    }
}

/// One run: three directories opened with rights of their own, and something beside them.
struct Run<'a> {
    choices: Choices<'a>,
    guest: Guest,
    tree: Tree,
    descriptors: Descriptors,
    folder: Folder,
    log: Vec<String>,
}

/// A folder of the host that goes away.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const STREAM_RIGHTS: u64 = right::POLL_FD_READWRITE | right::FD_FILESTAT_GET;

/// Makes the calls that the bytes choose.
///
/// # Panics
///
/// If the engine and the model differ; the message has all calls of the run.
pub fn check(bytes: &[u8]) {
    let mut run = Run::new(Choices::new(bytes));
    while !run.choices.is_empty() {
        run.step();
        let difference = run.tree.difference(0, &run.folder.0);
        assert!(difference.is_none(), "{}\nafter {:#?}", difference.unwrap_or_default(), run.log);
    }
}

impl<'a> Run<'a> {
    fn new(mut choices: Choices<'a>) -> Run<'a> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("planish-wasi-oracle-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a temporary directory");
        let folder = Folder(path);
        let mut tree = Tree::new();
        let roots = populate(&mut tree);
        tree.build(0, &folder.0);
        let stream = |base| {
            let base = base | STREAM_RIGHTS;
            Some(Descriptor {
                object: Object::Stream,
                node: 0,
                rights: Rights { base, files: base, directories: base },
            })
        };
        let mut open = vec![stream(right::FD_READ), stream(right::FD_WRITE), stream(right::FD_WRITE)];
        let (mut builder, mut log) = (WasiCtxBuilder::new(), Vec::new());
        for (name, node) in roots {
            let (dirs, files) = (1 + choices.below(3), 1 + choices.below(3));
            let (dir_perms, file_perms) = permissions(dirs, files);
            builder.preopened_dir(folder.0.join(name), name, dir_perms, file_perms).expect("it exists");
            log.push(format!("{name} with {dir_perms:?}, {file_perms:?}"));
            open.push(Some(Descriptor { object: Object::Directory, node, rights: Rights::preopened(dirs, files) }));
        }
        let max = 10;
        let guest = Guest::new(builder.max_descriptors(max).build());
        Run { choices, guest, tree, descriptors: Descriptors { open, max }, folder, log }
    }

    /// A call, by the model and by the engine.
    fn step(&mut self) {
        let calls: [fn(&mut Run<'a>); 24] = [
            Run::open,
            Run::open,
            Run::open,
            Run::create_directory,
            Run::remove_directory,
            Run::unlink,
            Run::rename,
            Run::rename,
            Run::link,
            Run::link,
            Run::symlink,
            Run::readlink,
            Run::stat,
            Run::set_times,
            Run::read,
            Run::write,
            Run::seek,
            Run::set_size,
            Run::set_open_times,
            Run::list,
            Run::sync,
            Run::close_or_renumber,
            Run::give_up_rights,
            Run::set_flags,
        ];
        calls[self.choices.below(calls.len())](self);
    }

    /// Makes a call, which must come out as expected; was it done?
    fn call(&mut self, name: &str, arguments: &[u64], expected: Outcome) -> bool {
        let errno = self.guest.call(name, arguments);
        self.log.push(format!("{name}{arguments:?} is {errno}"));
        assert_eq!(outcome(errno), expected, "{name}{arguments:?} is {errno}; the run: {:#?}", self.log);
        expected.is_ok()
    }

    /// A descriptor's number, most often one that is open.
    fn number(&mut self) -> u64 {
        self.choices.below(self.descriptors.open.len() + 1) as u64
    }

    /// The number of a directory more often than of anything else.
    fn directory_number(&mut self) -> u64 {
        if self.choices.below(8) == 0 {
            self.number()
        } else {
            3 + self.choices.below(self.descriptors.open.len() - 3) as u64
        }
    }

    fn path(&mut self, last: &[&str]) -> String {
        let mut path = match self.choices.below(64) {
            0 => return String::new(),
            1 => String::from("/"),
            _ => String::new(),
        };
        for _ in 0..[0, 0, 0, 1, 1, 2, 3][self.choices.below(7)] {
            path += ["d/", "d/", "b/", "l/", "../", "./", "a/", "e/"][self.choices.below(8)];
        }
        path + last[self.choices.below(last.len())]
    }

    /// A path that ends in a name.
    fn name(&mut self) -> String {
        self.path(&["a", "b", "d", "l", "e"])
    }

    fn put_path(&mut self, address: u32, path: &str) -> [u64; 2] {
        self.log.push(format!("    {path:?}"));
        self.guest.put(address, path.as_bytes());
        [address.into(), path.len() as u64]
    }

    /// The directory of that number, if it has the rights.
    fn directory(&self, number: u64, needed: u64) -> Result<(NodeId, Rights), Failure> {
        let descriptor = self.descriptors.get(number).ok_or(Failure::Other)?;
        match descriptor.object {
            Object::Directory if descriptor.rights.base & needed == needed => Ok((descriptor.node, descriptor.rights)),
            Object::Directory => Err(Failure::Notcapable),
            _ => Err(Failure::Other),
        }
    }

    fn place(&self, number: u64, needed: u64, path: &str) -> Result<Place, Failure> {
        let (root, _) = self.directory(number, needed)?;
        Ok(self.tree.resolve(root, path, Follow::No)?)
    }

    /// A call with one path, to a place that is not followed.
    fn at_place(&mut self, call: &str, right: u64, change: fn(&mut Tree, &Place) -> Result<(), Refused>) {
        let (fd, path) = (self.directory_number(), self.name());
        let [at, len] = self.put_path(PATH, &path);
        let expected = self.place(fd, right, &path).and_then(|place| Ok(change(&mut self.tree, &place)?));
        self.call(call, &[fd, at, len], expected);
    }

    fn create_directory(&mut self) {
        self.at_place("path_create_directory", right::PATH_CREATE_DIRECTORY, |tree, place| {
            tree.create(place, Kind::Directory(Default::default())).map(drop)
        });
    }

    fn remove_directory(&mut self) {
        self.at_place("path_remove_directory", right::PATH_REMOVE_DIRECTORY, Tree::remove_directory);
    }

    fn unlink(&mut self) {
        self.at_place("path_unlink_file", right::PATH_UNLINK_FILE, Tree::unlink);
    }

    /// Two places, if nothing gains rights on its way from the old to the new one.
    fn two_places(&self, old: (u64, u64, &str), new: (u64, u64, &str)) -> Result<(Place, Place), Failure> {
        let ((_, old_rights), (_, new_rights)) = (self.directory(old.0, old.1)?, self.directory(new.0, new.1)?);
        if !new_rights.may_receive_from(old_rights) {
            return Err(Failure::Notcapable);
        }
        Ok((self.place(old.0, old.1, old.2)?, self.place(new.0, new.1, new.2)?))
    }

    fn rename(&mut self) {
        let (fd, new_fd, path, new_path) = (self.directory_number(), self.directory_number(), self.name(), self.name());
        let ([at, len], [new_at, new_len]) = (self.put_path(PATH, &path), self.put_path(SECOND_PATH, &new_path));
        let places =
            self.two_places((fd, right::PATH_RENAME_SOURCE, &path), (new_fd, right::PATH_RENAME_TARGET, &new_path));
        let expected = places.and_then(|(old, new)| Ok(self.tree.rename(&old, &new)?));
        self.call("path_rename", &[fd, at, len, new_fd, new_at, new_len], expected);
    }

    fn link(&mut self) {
        let (fd, new_fd, path, new_path) = (self.directory_number(), self.directory_number(), self.name(), self.name());
        let ([at, len], [new_at, new_len]) = (self.put_path(PATH, &path), self.put_path(SECOND_PATH, &new_path));
        let lookup = u64::from(self.choices.below(16) == 0);
        let places =
            self.two_places((fd, right::PATH_LINK_SOURCE, &path), (new_fd, right::PATH_LINK_TARGET, &new_path));
        let expected = places.and_then(|(old, new)| match old.node {
            Some(node) if lookup == 0 => Ok(self.tree.link(node, &new)?),
            _ => Err(Failure::Other),
        });
        self.call("path_link", &[fd, lookup, at, len, new_fd, new_at, new_len], expected);
    }

    fn symlink(&mut self) {
        let target = self.path(&["a", "d", "l", ".", ".."]);
        let (fd, path) = (self.directory_number(), self.name());
        let ([to, to_len], [at, len]) = (self.put_path(SECOND_PATH, &target), self.put_path(PATH, &path));
        let place = self.place(fd, right::PATH_SYMLINK, &path);
        let expected = place.and_then(|place| match target.is_empty() || target.starts_with('/') {
            true => Err(Failure::Other),
            false => Ok(self.tree.create(&place, Kind::Link(target)).map(drop)?),
        });
        self.call("path_symlink", &[to, to_len, fd, at, len], expected);
    }

    fn readlink(&mut self) {
        let (fd, path) = (self.directory_number(), self.name());
        let [at, len] = self.put_path(PATH, &path);
        let target = self.place(fd, right::PATH_READLINK, &path).and_then(|place| {
            let node = place.node.ok_or(Failure::Other)?;
            match &self.tree.node(node).kind {
                // A guest must not learn absolute names of the host.
                Kind::Link(target) if !target.starts_with('/') => Ok(target.clone()),
                _ => Err(Failure::Other),
            }
        });
        let expected = target.as_ref().map(drop).map_err(|failure| *failure);
        if self.call("path_readlink", &[fd, at, len, DATA.into(), 64, RESULT.into()], expected) {
            let found = self.guest.bytes(DATA, self.guest.u32_at(RESULT));
            assert_eq!(Ok(found), target.map(String::into_bytes), "{:#?}", self.log);
        }
    }

    /// What one path leads to.
    fn find(&mut self, needed: u64) -> (u64, u64, [u64; 2], Result<NodeId, Failure>) {
        let (fd, path, lookup) =
            (self.directory_number(), self.path(&["a", "b", "d", "l", "e"]), self.choices.below(2) as u64);
        let name = self.put_path(PATH, &path);
        let follow = if lookup == 1 { Follow::Yes } else { Follow::No };
        let node = self.directory(fd, needed).and_then(|(root, _)| Ok(self.tree.find(root, &path, follow)?));
        (fd, lookup, name, node)
    }

    fn stat(&mut self) {
        let (fd, lookup, [at, len], node) = self.find(right::PATH_FILESTAT_GET);
        let expected = node.map(drop);
        if self.call("path_filestat_get", &[fd, lookup, at, len, RESULT.into()], expected) {
            let (filetype, size) = (self.guest.u64_at(RESULT + 16) & 0xff, self.guest.u64_at(RESULT + 32));
            let known = match node.map(|node| &self.tree.node(node).kind) {
                Ok(Kind::Directory(_)) => (3, size),
                Ok(Kind::File(content)) => (4, content.len() as u64),
                Ok(Kind::Link(target)) => (7, target.len() as u64),
                Err(_) => unreachable!("it was found"),
            };
            assert_eq!((filetype, size), known, "{:#?}", self.log);
        }
    }

    /// A time that no clock shows.
    fn time(&mut self) -> u64 {
        1_000_000_007 * (1 + self.choices.below(200) as u64)
    }

    fn set_times(&mut self) {
        let (fd, lookup, [at, len], node) = self.find(right::PATH_FILESTAT_SET_TIMES);
        let time = self.time();
        if let Ok(node) = node {
            self.tree.node_mut(node).modified = Some(time);
        }
        self.call("path_filestat_set_times", &[fd, lookup, at, len, 0, time, 4], node.map(drop));
    }

    fn open(&mut self) {
        let fd = self.directory_number();
        let path = self.path(&["a", "a", "b", "d", "d", "l", "e", ".", ".."]);
        let [at, len] = self.put_path(PATH, &path);
        let flags = [0, 0, 0, 1, 1, 5, 8, 9, 2, 2, 3, 4][self.choices.below(12)];
        let wanted = [0, right::FD_READ, right::FD_WRITE, right::FD_READ | right::FD_WRITE][self.choices.below(4)];
        let (lookup, append) = (self.choices.below(2) as u64, self.choices.below(4) == 0);
        let opened = self.opened(fd, &path, (lookup, flags), wanted, append);
        let arguments = [fd, lookup, at, len, flags, wanted, wanted, append.into(), RESULT.into()];
        let expected = opened.as_ref().map(drop).map_err(|failure| *failure);
        if self.call("path_open", &arguments, expected)
            && let Ok((number, descriptor)) = opened
        {
            assert_eq!(self.guest.u32_at(RESULT) as usize, number, "{:#?}", self.log);
            self.descriptors.insert(number, descriptor);
            self.compare_rights(number as u64);
        }
    }

    /// What `path_open` gives, and makes of the tree.
    fn opened(
        &mut self,
        fd: u64,
        path: &str,
        (lookup, flags): (u64, u64),
        wanted: u64,
        append: bool,
    ) -> Result<(usize, Descriptor), Failure> {
        let [create, only_directory, exclusive, cut] = [1, 2, 4, 8].map(|bit| flags & bit != 0);
        let when = |condition: bool, right: u64| if condition { right } else { 0 };
        let needed =
            right::PATH_OPEN | when(create, right::PATH_CREATE_FILE) | when(cut, right::PATH_FILESTAT_SET_SIZE);
        let (root, rights) = self.directory(fd, needed)?;
        if !only_directory && wanted & !rights.files != 0 {
            return Err(Failure::Notcapable);
        }
        let number = self.descriptors.vacancy().ok_or(Failure::Other)?;
        let writable = wanted & right::FD_WRITE != 0 || create || cut;
        if only_directory && (writable || exclusive) {
            return Err(Failure::Other);
        }
        // What must not exist is not followed to where it might.
        let follow = if lookup == 1 && !(create && exclusive) { Follow::Yes } else { Follow::No };
        let place = self.tree.resolve(root, path, follow)?;
        let node = match place.node {
            Some(_) if create && exclusive => return Err(Failure::Other),
            Some(node) => node,
            None if create => self.tree.create(&place, Kind::File(Vec::new()))?,
            None => return Err(Failure::Other),
        };
        let node_mut = self.tree.node_mut(node);
        match &mut node_mut.kind {
            Kind::Directory(_) if !writable => {
                Ok((number, Descriptor { object: Object::Directory, node, rights: rights.of_opened_directory() }))
            }
            Kind::File(content) if !only_directory => {
                if cut {
                    content.clear();
                    node_mut.modified = None;
                }
                let object = Object::File(OpenFile { position: 0, append, writable });
                Ok((number, Descriptor { object, node, rights: rights.of_opened_file(wanted) }))
            }
            _ => Err(Failure::Other),
        }
    }
}

/// Three directories alike, with links that stay inside and links that lead out, and something outside that nobody may touch.
fn populate(tree: &mut Tree) -> [(&'static str, NodeId); 3] {
    let mut make = |directory, name: &str, kind| {
        let place = Place { directory, name: name.to_owned(), node: None };
        tree.create(&place, kind).expect("it is not there yet")
    };
    let folder = || Kind::Directory(Default::default());
    let outside = make(0, "outside", folder());
    make(outside, "a", Kind::File(b"secret".to_vec()));
    make(0, "a", Kind::File(b"secret, too".to_vec()));
    ["first", "second", "third"].map(|name| {
        let root = make(0, name, folder());
        make(root, "a", Kind::File(format!("{name} file").into_bytes()));
        make(root, "b", Kind::Link("d/l".to_owned()));
        make(root, "l", Kind::Link("../outside".to_owned()));
        make(root, "e", Kind::Link("/tmp".to_owned()));
        let below = make(root, "d", folder());
        make(below, "a", Kind::File(format!("{name} below").into_bytes()));
        make(below, "l", Kind::Link("../a".to_owned()));
        (name, root)
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn calls_at_random_do_what_the_model_says() {
        crate::bytes::for_a_second(800, super::check);
    }
}
