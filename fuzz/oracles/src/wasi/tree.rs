//! The model of a file system: what a path leads to, and what each change does.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

/// The number of a node.
pub type NodeId = usize;

/// A call that the system refuses, for whatever reason.
#[derive(Debug, PartialEq)]
pub struct Refused;

#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    File(Vec<u8>),
    Directory(BTreeMap<String, NodeId>),
    Link(String),
}

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Kind,
    /// When it was last modified, in nanoseconds, if a call has set that since.
    pub modified: Option<u64>,
    parent: NodeId,
    /// A directory that is in no other any more.
    removed: bool,
}

/// Where a path leads: a node, or a name that a directory does not have.
pub struct Place {
    pub directory: NodeId,
    pub name: String,
    pub node: Option<NodeId>,
}

/// Whether a link that a path ends in is followed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Follow {
    Yes,
    No,
}

/// All of it; node 0 is the root.
pub struct Tree(Vec<Node>);

impl Tree {
    pub fn new() -> Tree {
        let root = Node { kind: Kind::Directory(BTreeMap::new()), modified: None, parent: 0, removed: false };
        Tree(vec![root])
    }

    pub fn node(&self, node: NodeId) -> &Node {
        &self.0[node]
    }

    pub fn node_mut(&mut self, node: NodeId) -> &mut Node {
        &mut self.0[node]
    }

    pub fn is_directory(&self, node: NodeId) -> bool {
        matches!(self.0[node].kind, Kind::Directory(_))
    }

    /// Whether it is a directory that has been removed.
    pub fn is_removed(&self, node: NodeId) -> bool {
        self.0[node].removed
    }

    pub fn entries(&self, node: NodeId) -> &BTreeMap<String, NodeId> {
        match &self.0[node].kind {
            Kind::Directory(entries) => entries,
            _ => panic!("node {node} is a directory"),
        }
    }

    /// What is known of a directory when its entries change.
    fn entries_mut(&mut self, node: NodeId) -> &mut BTreeMap<String, NodeId> {
        self.0[node].modified = None;
        match &mut self.0[node].kind {
            Kind::Directory(entries) => entries,
            _ => panic!("node {node} is a directory"),
        }
    }

    /// Resolves a path below a directory; whatever leads out of it is refused (openat2(2), `RESOLVE_BENEATH`).
    pub fn resolve(&self, root: NodeId, path: &str, follow: Follow) -> Result<Place, Refused> {
        if path.is_empty() || path.starts_with('/') {
            return Err(Refused);
        }
        let mut rest: VecDeque<String> = path.split('/').map(str::to_owned).collect();
        let (mut at, mut links) = (root, 0);
        while let Some(name) = rest.pop_front() {
            let Kind::Directory(entries) = &self.0[at].kind else { return Err(Refused) };
            match name.as_str() {
                "." => continue,
                ".." if at == root => return Err(Refused),
                ".." => at = self.0[at].parent,
                _ => match entries.get(&name) {
                    None if rest.is_empty() => return Ok(Place { directory: at, name, node: None }),
                    None => return Err(Refused),
                    Some(&node) => match &self.0[node].kind {
                        Kind::Link(target) if !rest.is_empty() || follow == Follow::Yes => {
                            links += 1;
                            // Linux follows 40 at most.
                            if links > 40 || target.starts_with('/') {
                                return Err(Refused);
                            }
                            target.rsplit('/').for_each(|part| rest.push_front(part.to_owned()));
                        }
                        _ if rest.is_empty() => return Ok(Place { directory: at, name, node: Some(node) }),
                        _ => at = node,
                    },
                },
            }
        }
        Ok(Place { directory: at, name: String::new(), node: Some(at) })
    }

    /// The node at the end of a path.
    pub fn find(&self, root: NodeId, path: &str, follow: Follow) -> Result<NodeId, Refused> {
        self.resolve(root, path, follow)?.node.ok_or(Refused)
    }

    /// Makes something where there is nothing.
    pub fn create(&mut self, place: &Place, kind: Kind) -> Result<NodeId, Refused> {
        if place.node.is_some() || self.0[place.directory].removed {
            return Err(Refused);
        }
        let node = self.0.len();
        self.0.push(Node { kind, modified: None, parent: place.directory, removed: false });
        self.entries_mut(place.directory).insert(place.name.clone(), node);
        Ok(node)
    }

    /// Gives a node that is no directory another name.
    pub fn link(&mut self, node: NodeId, place: &Place) -> Result<(), Refused> {
        if self.is_directory(node) || place.node.is_some() || self.0[place.directory].removed {
            return Err(Refused);
        }
        self.entries_mut(place.directory).insert(place.name.clone(), node);
        Ok(())
    }

    pub fn unlink(&mut self, place: &Place) -> Result<(), Refused> {
        match place.node {
            Some(node) if !self.is_directory(node) => self.forget(place),
            _ => return Err(Refused),
        }
        Ok(())
    }

    pub fn remove_directory(&mut self, place: &Place) -> Result<(), Refused> {
        match place.node {
            Some(node) if self.is_directory(node) && self.entries(node).is_empty() => self.forget(place),
            _ => return Err(Refused),
        }
        Ok(())
    }

    fn forget(&mut self, place: &Place) {
        if let Some(node) = self.entries_mut(place.directory).remove(&place.name) {
            self.0[node].removed = self.is_directory(node);
        }
    }

    /// rename(2).
    pub fn rename(&mut self, old: &Place, new: &Place) -> Result<(), Refused> {
        let node = old.node.ok_or(Refused)?;
        if self.0[new.directory].removed || self.is_within(new.directory, node) {
            return Err(Refused);
        }
        if new.node == Some(node) {
            return Ok(());
        }
        let gives_way = |other: NodeId| match (self.is_directory(node), self.is_directory(other)) {
            (true, true) => self.entries(other).is_empty(),
            (is_directory, other_is_directory) => is_directory == other_is_directory,
        };
        if !new.node.is_none_or(gives_way) {
            return Err(Refused);
        }
        self.forget(new);
        self.entries_mut(old.directory).remove(&old.name);
        self.entries_mut(new.directory).insert(new.name.clone(), node);
        if self.is_directory(node) {
            (self.0[node].parent, self.0[node].modified) = (new.directory, None);
        }
        Ok(())
    }

    /// Is the directory `inner` the node `outer`, or somewhere in it?
    fn is_within(&self, mut inner: NodeId, outer: NodeId) -> bool {
        while inner != outer && inner != 0 {
            inner = self.0[inner].parent;
        }
        inner == outer
    }

    /// Makes the same tree in an empty folder of the host.
    pub fn build(&self, node: NodeId, host: &Path) {
        for (name, child) in self.entries(node) {
            let path = host.join(name);
            match &self.0[*child].kind {
                Kind::File(content) => fs::write(path, content).expect("written"),
                Kind::Link(target) => symlink(target, path).expect("linked"),
                Kind::Directory(_) => {
                    fs::create_dir(&path).expect("made");
                    self.build(*child, &path);
                }
            }
        }
    }

    /// What a folder of the host has that this does not, or the other way round.
    pub fn difference(&self, node: NodeId, host: &Path) -> Option<String> {
        let known = &self.0[node];
        let differs = |what: &str| Some(format!("{}: {what}, expected {known:?}", host.display()));
        let Ok(metadata) = fs::symlink_metadata(host) else { return differs("is not there") };
        let modified = metadata.mtime() as u64 * 1_000_000_000 + metadata.mtime_nsec() as u64;
        if known.modified.is_some_and(|known| known != modified) {
            return differs(&format!("was modified at {modified}"));
        }
        match &known.kind {
            Kind::File(content) if metadata.is_file() => {
                let found = fs::read(host).expect("readable");
                if found == *content { None } else { differs(&format!("has {found:?}")) }
            }
            Kind::Link(target) if metadata.is_symlink() => {
                let found = fs::read_link(host).expect("readable");
                if found == Path::new(target) { None } else { differs(&format!("leads to {found:?}")) }
            }
            Kind::Directory(entries) if metadata.is_dir() => {
                let found = fs::read_dir(host).expect("readable").map(|entry| entry.expect("an entry").file_name());
                let mut found: Vec<String> = found.map(|name| name.into_string().expect("UTF-8")).collect();
                found.sort();
                if !found.iter().eq(entries.keys()) {
                    return differs(&format!("has {found:?}"));
                }
                entries.iter().find_map(|(name, child)| self.difference(*child, &host.join(name)))
            }
            _ => differs("is something else"),
        }
    }
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::new()
    }
}
