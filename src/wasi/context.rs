//! What one program may see of the host, and how an embedder puts it together.

use super::descriptor::{Descriptor, Descriptors, Object};
use super::memory::Transfer;
use super::rights::{DirPerms, FilePerms, Inheriting, Rights, preopened};
use super::stream::{Input, Output};
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

/// What one program sees of the host: arguments, environment, standard streams, open files. Made by a
/// [`WasiCtxBuilder`], kept in a [`Store`](crate::Store)'s data.
pub struct WasiCtx {
    pub(super) args: Vec<Vec<u8>>,
    /// As `NAME=value`.
    pub(super) environment: Vec<Vec<u8>>,
    pub(super) descriptors: Descriptors,
    /// When the guest's monotonic clock was 0.
    pub(super) started: Instant,
    /// When the guest last gave the processor away.
    pub(super) last_yield: Option<Instant>,
    /// Bytes on their way between guest and host.
    pub(super) transfer: Transfer,
}

impl std::fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiCtx").field("args", &self.args).finish_non_exhaustive()
    }
}

/// Builds a [`WasiCtx`]. What is not given is not there: no arguments, an empty environment, empty input, output
/// that goes nowhere, no directory.
///
/// ```
/// use planish::wasi::{DirPerms, FilePerms, WasiCtxBuilder};
///
/// let context = WasiCtxBuilder::new()
///     .inherit_stdio()
///     .arg("program")
///     .env("LANG", "C")
///     .preopened_dir(".", "/", DirPerms::READ, FilePerms::READ)?
///     .build();
/// # std::io::Result::Ok(())
/// ```
pub struct WasiCtxBuilder {
    args: Vec<Vec<u8>>,
    environment: Vec<Vec<u8>>,
    stdin: Input,
    stdout: Output,
    stderr: Output,
    directories: Vec<Descriptor>,
    max_descriptors: usize,
}

/// A quarter of what Linux lets a process have open unless it asks for more (`RLIMIT_NOFILE`, 1024).
const MAX_DESCRIPTORS: usize = 256;

impl Default for WasiCtxBuilder {
    fn default() -> WasiCtxBuilder {
        WasiCtxBuilder {
            args: Vec::new(),
            environment: Vec::new(),
            stdin: Input::Reader(Box::new(io::empty())),
            stdout: Output::Writer(Box::new(io::sink())),
            stderr: Output::Writer(Box::new(io::sink())),
            directories: Vec::new(),
            max_descriptors: MAX_DESCRIPTORS,
        }
    }
}

impl std::fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasiCtxBuilder").field("args", &self.args).finish_non_exhaustive()
    }
}

impl WasiCtxBuilder {
    /// A builder of a context with nothing in it.
    pub fn new() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }

    /// Appends an argument; the first one is the program's name.
    pub fn arg(&mut self, arg: impl AsRef<str>) -> &mut Self {
        self.args.push(arg.as_ref().as_bytes().to_vec());
        self
    }

    /// Appends arguments.
    pub fn args(&mut self, args: &[impl AsRef<str>]) -> &mut Self {
        args.iter().fold(self, |builder, arg| builder.arg(arg))
    }

    /// Adds a variable to the environment.
    pub fn env(&mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> &mut Self {
        self.environment.push(format!("{}={}", name.as_ref(), value.as_ref()).into_bytes());
        self
    }

    /// Adds variables to the environment.
    pub fn envs(&mut self, variables: &[(impl AsRef<str>, impl AsRef<str>)]) -> &mut Self {
        variables.iter().fold(self, |builder, (name, value)| builder.env(name, value))
    }

    /// Lets the guest read `reader` as its standard input.
    pub fn stdin(&mut self, reader: impl Read + Send + 'static) -> &mut Self {
        self.stdin = Input::Reader(Box::new(reader));
        self
    }

    /// Sends the guest's standard output to `writer`.
    pub fn stdout(&mut self, writer: impl Write + Send + 'static) -> &mut Self {
        self.stdout = Output::Writer(Box::new(writer));
        self
    }

    /// Sends the guest's standard error to `writer`.
    pub fn stderr(&mut self, writer: impl Write + Send + 'static) -> &mut Self {
        self.stderr = Output::Writer(Box::new(writer));
        self
    }

    /// Gives the guest the host's standard input.
    pub fn inherit_stdin(&mut self) -> &mut Self {
        self.stdin = Input::Inherited;
        self
    }

    /// Gives the guest the host's standard output.
    pub fn inherit_stdout(&mut self) -> &mut Self {
        self.stdout = Output::Stdout;
        self
    }

    /// Gives the guest the host's standard error.
    pub fn inherit_stderr(&mut self) -> &mut Self {
        self.stderr = Output::Stderr;
        self
    }

    /// Gives the guest all three standard streams of the host.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// Opens a directory of the host for the guest, who knows it as `guest_path` and cannot leave it.
    pub fn preopened_dir(
        &mut self,
        host_path: impl AsRef<Path>,
        guest_path: impl AsRef<str>,
        dirs: DirPerms,
        files: FilePerms,
    ) -> io::Result<&mut Self> {
        let directory =
            OpenOptions::new().read(true).custom_flags(rustix::fs::OFlags::DIRECTORY.bits() as i32).open(host_path)?;
        let (base, inheriting) = preopened(dirs, files);
        let object = Object::Directory(directory, Some(guest_path.as_ref().as_bytes().into()));
        self.directories.push(Descriptor { object, base, inheriting });
        Ok(self)
    }

    /// How many descriptors the guest may have open at once (256), of which each file and directory takes one of the host's.
    /// Opening one more is the errno `mfile`, before anything is created. The three standard streams and the preopened directories
    /// count, but are there even if they are more.
    ///
    /// ```
    /// use planish::wasi::{DirPerms, FilePerms, WasiCtxBuilder};
    ///
    /// let context = WasiCtxBuilder::new()
    ///     .preopened_dir(".", "/", DirPerms::READ, FilePerms::READ)?
    ///     // The standard streams, the directory and 16 more.
    ///     .max_descriptors(20)
    ///     .build();
    /// # std::io::Result::Ok(())
    /// ```
    pub fn max_descriptors(&mut self, descriptors: usize) -> &mut Self {
        self.max_descriptors = descriptors;
        self
    }

    /// The context. Leaves the builder as it was when new.
    pub fn build(&mut self) -> WasiCtx {
        let parts = std::mem::take(self);
        let stream = |object, right| {
            let rights = right | Rights::POLL_FD_READWRITE | Rights::FD_FILESTAT_GET;
            Descriptor { object, base: rights, inheriting: Inheriting::same(rights) }
        };
        let streams = [
            stream(Object::Input(parts.stdin), Rights::FD_READ),
            stream(Object::Output(parts.stdout), Rights::FD_WRITE),
            stream(Object::Output(parts.stderr), Rights::FD_WRITE),
        ];
        let descriptors = Descriptors::new(streams.into_iter().chain(parts.directories), parts.max_descriptors);
        WasiCtx {
            args: parts.args,
            environment: parts.environment,
            descriptors,
            started: Instant::now(),
            last_yield: None,
            transfer: Transfer::new(),
        }
    }
}
