//! Runs a command and watches its system calls by ptrace: any of them can be let fail, cut short, or be
//! the last one. One count goes over all its threads and children; only calls on files below a folder
//! are seen, and calls for memory once the first of those was made. `strace` counts for each thread,
//! and a library that is loaded before others does not see calls that are made without the C library.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::common::Run;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Let,
    Fail(Errno),
    /// It gets half of the bytes that it is to write.
    Half,
    /// The command is killed instead.
    Kill,
    /// The command is killed when the call is done.
    KillAfter,
}

/// Who is told of calls.
pub(crate) trait Watch {
    /// Whether calls of this number are to be told.
    fn wants(&self, number: i64) -> bool;
    fn begins(&mut self, call: &Call) -> Answer;
    fn ended(&mut self, _call: &Call, _result: i64) {}
}

/// A system call that begins.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub number: i64,
    /// The file that it is about; none where it is about memory.
    pub path: Option<PathBuf>,
    pid: Pid,
    registers: libc::user_regs_struct,
}

/// Runs a command to its end and tells of its calls on files below `folder`.
#[expect(clippy::zombie_processes, reason = "the tracer waits for it")]
pub(crate) fn run(args: &[String], folder: &Path, watch: &mut dyn Watch) -> Run {
    let mut child = stopped(args);
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    let all = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, all).unwrap();
    let mut tracer = Tracer {
        first: pid,
        folder,
        watch,
        begun: false,
        within: HashMap::new(),
    };
    let code = tracer.follow();
    let text = |name: Option<&mut dyn io::Read>| {
        let mut text = String::new();
        name.unwrap().read_to_string(&mut text).unwrap();
        text
    };
    let stdout = text(child.stdout.as_mut().map(|pipe| pipe as &mut dyn io::Read));
    let stderr = text(child.stderr.as_mut().map(|pipe| pipe as &mut dyn io::Read));
    Run {
        code,
        stdout,
        stderr,
    }
}

/// Starts the command as a process that has stopped itself before it becomes the command.
fn stopped(args: &[String]) -> Child {
    let child = Command::new("sh")
        .args(["-c", "kill -STOP $$; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_rblmap"))
        .args(args)
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    let waited = waitpid(pid, Some(WaitPidFlag::WUNTRACED)).unwrap();
    assert!(matches!(waited, WaitStatus::Stopped(..)), "{waited:?}");
    child
}

struct Tracer<'a> {
    first: Pid,
    folder: &'a Path,
    watch: &'a mut dyn Watch,
    /// Whether a call on a file below the folder was seen.
    begun: bool,
    /// The threads that are within a call that was told.
    within: HashMap<Pid, (Call, Answer)>,
}

impl Tracer<'_> {
    /// Follows all threads until the first process has ended; gives its exit code.
    fn follow(&mut self) -> i32 {
        let mut code = None;
        // Of this thread's children only: other tests have their own.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            let (pid, signal) = match waitpid(None, Some(flags)) {
                Ok(WaitStatus::Exited(pid, found)) => {
                    code = code.or((pid == self.first).then_some(found));
                    continue;
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    code = code.or((pid == self.first).then_some(128 + signal as i32));
                    continue;
                }
                Ok(WaitStatus::PtraceSyscall(pid)) => {
                    self.at_call(pid);
                    (pid, None)
                }
                Ok(WaitStatus::PtraceEvent(pid, ..)) => (pid, None),
                Ok(WaitStatus::Stopped(pid, signal)) => (pid, Some(signal)),
                Ok(other) => panic!("{other:?}"),
                Err(Errno::ECHILD) => return code.unwrap(),
                Err(error) => panic!("{error}"),
            };
            // A thread can have been killed meanwhile.
            let _ = ptrace::syscall(pid, signal);
        }
    }

    /// A call begins or ends.
    fn at_call(&mut self, pid: Pid) {
        let Ok(mut registers) = ptrace::getregs(pid) else {
            return;
        };
        if let Some((call, answer)) = self.within.remove(&pid) {
            match answer {
                Answer::Fail(_) if call.number == libc::SYS_brk => {
                    registers.rdi = call.registers.rdi;
                    ptrace::setregs(pid, registers).unwrap();
                }
                Answer::Fail(error) => {
                    registers.rax = i64::from(-(error as i32)).cast_unsigned();
                    ptrace::setregs(pid, registers).unwrap();
                }
                Answer::KillAfter => self.kill(),
                _ => {}
            }
            self.watch.ended(&call, registers.rax.cast_signed());
            return;
        }
        // At its beginning a call has no result yet, for which the kernel puts this.
        let begins = registers.rax == i64::from(-libc::ENOSYS).cast_unsigned();
        let number = registers.orig_rax.cast_signed();
        if !begins || !self.watch.wants(number) {
            return;
        }
        let call = Call {
            number,
            path: path(pid, &registers).filter(|path| path.starts_with(self.folder)),
            pid,
            registers,
        };
        self.begun |= call.path.is_some();
        if call.path.is_none() && !(self.begun && call.is_for_memory()) {
            return;
        }
        let answer = self.watch.begins(&call);
        match answer {
            // It has no error: it answers where the end of the memory is, as if nothing was asked.
            Answer::Fail(_) if number == libc::SYS_brk => registers.rdi = 0,
            Answer::Let | Answer::KillAfter => {}
            Answer::Fail(_) => registers.orig_rax = u64::MAX,
            Answer::Half => registers.rdx = registers.rdx.div_ceil(2),
            Answer::Kill => self.kill(),
        }
        if matches!(answer, Answer::Fail(_) | Answer::Half) {
            ptrace::setregs(pid, registers).unwrap();
        }
        self.within.insert(pid, (call, answer));
    }

    fn kill(&self) {
        // It can have ended meanwhile.
        let _ = kill(self.first, Signal::SIGKILL);
    }
}

impl Call {
    fn is_for_memory(&self) -> bool {
        let anonymous = u64::from(libc::MAP_ANONYMOUS.cast_unsigned());
        match self.number {
            libc::SYS_mmap => self.registers.r10 & anonymous != 0,
            libc::SYS_brk => self.registers.rdi != 0,
            _ => false,
        }
    }

    pub(crate) fn thread(&self) -> i32 {
        self.pid.as_raw()
    }

    /// How many bytes it is to write.
    pub(crate) fn length(&self) -> u64 {
        match self.number {
            libc::SYS_write | libc::SYS_pwrite64 => self.registers.rdx,
            libc::SYS_ftruncate => self.registers.rsi,
            _ => 0,
        }
    }

    /// The bytes that it is to write.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let memory = File::open(format!("/proc/{}/mem", self.pid)).unwrap();
        let mut bytes = vec![0; usize::try_from(self.length()).unwrap()];
        memory
            .read_exact_at(&mut bytes, self.registers.rsi)
            .unwrap();
        bytes
    }

    /// Where in the file it is to write them.
    pub(crate) fn place(&self) -> u64 {
        if self.number == libc::SYS_pwrite64 {
            return self.registers.r10;
        }
        let facts = format!("/proc/{}/fdinfo/{}", self.pid, self.registers.rdi);
        let facts = std::fs::read_to_string(facts).unwrap();
        let fact = |name: &str| {
            let line = facts.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap().trim().to_owned()
        };
        let flags = i32::from_str_radix(&fact("flags:"), 8).unwrap();
        match flags & libc::O_APPEND {
            0 => fact("pos:").parse().unwrap(),
            _ => std::fs::metadata(self.path.as_ref().unwrap()).map_or(0, |facts| facts.len()),
        }
    }

    /// What a call that opens a file asks for.
    pub(crate) fn flags(&self) -> i32 {
        let flags = match self.number {
            libc::SYS_open => self.registers.rsi,
            _ => self.registers.rdx,
        };
        (flags & 0xffff_ffff).try_into().unwrap()
    }

    /// Whether it maps a file so that what is written there goes to the disk.
    pub(crate) fn maps_for_writing(&self) -> bool {
        let [write, shared] = [libc::PROT_WRITE, libc::MAP_SHARED].map(i32::cast_unsigned);
        self.number == libc::SYS_mmap
            && self.registers.rdx & u64::from(write) != 0
            && self.registers.r10 & u64::from(shared) != 0
    }

    /// Whether it only asks for room, and neither bytes nor length of the file change.
    pub(crate) fn asks_for_room(&self) -> bool {
        let keep_size = u64::from(libc::FALLOC_FL_KEEP_SIZE.cast_unsigned());
        self.number == libc::SYS_fallocate && self.registers.rsi == keep_size
    }

    /// The second name of a call that has two.
    pub(crate) fn second_path(&self) -> Option<PathBuf> {
        let at = &self.registers;
        match self.number {
            libc::SYS_rename | libc::SYS_link => of_text(self.pid, CURRENT, at.rsi),
            libc::SYS_renameat | libc::SYS_renameat2 | libc::SYS_linkat => {
                of_text(self.pid, at.rdx, at.r10)
            }
            _ => None,
        }
    }
}

/// The folder that a process works in, as a descriptor.
const CURRENT: u64 = libc::AT_FDCWD as u64;

/// The file that a call is about.
fn path(pid: Pid, registers: &libc::user_regs_struct) -> Option<PathBuf> {
    match registers.orig_rax.cast_signed() {
        libc::SYS_openat
        | libc::SYS_mkdirat
        | libc::SYS_unlinkat
        | libc::SYS_renameat
        | libc::SYS_renameat2
        | libc::SYS_linkat => of_text(pid, registers.rdi, registers.rsi),
        libc::SYS_open
        | libc::SYS_mkdir
        | libc::SYS_rename
        | libc::SYS_unlink
        | libc::SYS_link
        | libc::SYS_rmdir => of_text(pid, CURRENT, registers.rdi),
        libc::SYS_brk => None,
        libc::SYS_mmap => of_descriptor(pid, registers.r8),
        libc::SYS_copy_file_range => of_descriptor(pid, registers.rdx),
        _ => of_descriptor(pid, registers.rdi),
    }
}

fn of_descriptor(pid: Pid, number: u64) -> Option<PathBuf> {
    // The upper half of a register is not part of a descriptor.
    let number = u32::try_from(number & 0xffff_ffff).ok()?.cast_signed();
    match number {
        libc::AT_FDCWD => std::fs::read_link(format!("/proc/{pid}/cwd")).ok(),
        _ => std::fs::read_link(format!("/proc/{pid}/fd/{number}")).ok(),
    }
}

fn of_text(pid: Pid, folder: u64, address: u64) -> Option<PathBuf> {
    let text = PathBuf::from(text(pid, address)?);
    // A folder that is open may be named by its descriptor.
    if let Ok(rest) = text.strip_prefix("/proc/self/fd") {
        let mut parts = rest.components();
        let number = parts.next()?.as_os_str().to_str()?.parse().ok()?;
        let folder = of_descriptor(pid, number)?;
        let rest = parts.as_path();
        return Some(if rest.as_os_str().is_empty() {
            folder
        } else {
            folder.join(rest)
        });
    }
    Some(match text.is_absolute() {
        true => text,
        false => of_descriptor(pid, folder)?.join(text),
    })
}

/// A text of another process.
fn text(pid: Pid, address: u64) -> Option<OsString> {
    let memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut text = Vec::new();
    let mut byte = [0];
    while text.len() < 4096 {
        memory
            .read_exact_at(&mut byte, address + text.len() as u64)
            .ok()?;
        if byte == [0] {
            break;
        }
        text.extend(byte);
    }
    Some(OsStr::from_bytes(&text).to_owned())
}

pub(crate) fn name(number: i64) -> &'static str {
    match number {
        libc::SYS_write => "write",
        libc::SYS_writev => "writev",
        libc::SYS_pwrite64 => "pwrite64",
        libc::SYS_fallocate => "fallocate",
        libc::SYS_fsync => "fsync",
        libc::SYS_fdatasync => "fdatasync",
        libc::SYS_ftruncate => "ftruncate",
        libc::SYS_open => "open",
        libc::SYS_openat => "openat",
        libc::SYS_mkdir => "mkdir",
        libc::SYS_mkdirat => "mkdirat",
        libc::SYS_rename => "rename",
        libc::SYS_renameat => "renameat",
        libc::SYS_renameat2 => "renameat2",
        libc::SYS_link => "link",
        libc::SYS_linkat => "linkat",
        libc::SYS_unlink => "unlink",
        libc::SYS_unlinkat => "unlinkat",
        libc::SYS_mmap => "mmap",
        libc::SYS_brk => "brk",
        libc::SYS_read => "read",
        libc::SYS_pread64 => "pread64",
        libc::SYS_getdents64 => "getdents64",
        _ => "call",
    }
}
