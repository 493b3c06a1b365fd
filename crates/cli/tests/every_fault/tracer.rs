//! Runs a command and lets one of its system calls fail, by ptrace. One count goes over all its threads
//! and children; only calls on files below a folder count. `strace` counts for each thread, and a
//! library that is loaded before others does not see calls that are made without the C library.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::common::Run;

/// What becomes of the calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// The error that a call gives.
    pub error: Errno,
    /// The calls that can fail.
    pub calls: &'static [i64],
    /// The number of the call that fails, from 1.
    pub at: usize,
    /// All calls after it fail too: a disk that stays full.
    pub stays: bool,
}

/// A run, and how many calls it made that could have failed; which one failed first.
#[derive(Debug)]
pub(crate) struct Faulted {
    pub run: Run,
    pub calls: usize,
    pub failed: Option<String>,
}

/// Runs a command to its end with a fault at calls on files below `folder`.
#[expect(clippy::zombie_processes, reason = "the tracer waits for it")]
pub(crate) fn run(args: &[String], folder: &Path, fault: Fault) -> Faulted {
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
        folder,
        fault,
        calls: 0,
        failed: None,
        injected: HashSet::new(),
    };
    let code = tracer.follow(pid);
    let text = |name: Option<&mut dyn io::Read>| {
        let mut text = String::new();
        name.unwrap().read_to_string(&mut text).unwrap();
        text
    };
    let stdout = text(child.stdout.as_mut().map(|pipe| pipe as &mut dyn io::Read));
    let stderr = text(child.stderr.as_mut().map(|pipe| pipe as &mut dyn io::Read));
    Faulted {
        run: Run {
            code,
            stdout,
            stderr,
        },
        calls: tracer.calls,
        failed: tracer.failed,
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
    folder: &'a Path,
    fault: Fault,
    calls: usize,
    failed: Option<String>,
    /// Threads whose call was taken away and gets the error at its end.
    injected: HashSet<Pid>,
}

impl Tracer<'_> {
    /// Follows all threads until the first process has ended; gives its exit code.
    fn follow(&mut self, first: Pid) -> i32 {
        let mut code = None;
        // Of this thread's children only: other tests have their own.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            let (pid, signal) = match waitpid(None, Some(flags)) {
                Ok(WaitStatus::Exited(pid, found)) => {
                    code = code.or((pid == first).then_some(found));
                    continue;
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    code = code.or((pid == first).then_some(128 + signal as i32));
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
        if self.injected.remove(&pid) {
            registers.rax = i64::from(-(self.fault.error as i32)).cast_unsigned();
            ptrace::setregs(pid, registers).unwrap();
            return;
        }
        // At its beginning a call has no result yet, for which the kernel puts this.
        let begins = registers.rax == i64::from(-libc::ENOSYS).cast_unsigned();
        let number = registers.orig_rax.cast_signed();
        if !begins || !self.fault.calls.contains(&number) {
            return;
        }
        let Some(path) = path(pid, &registers).filter(|path| path.starts_with(self.folder)) else {
            return;
        };
        self.calls += 1;
        let fails = match self.fault.stays {
            true => self.calls >= self.fault.at,
            false => self.calls == self.fault.at,
        };
        if fails {
            let what = format!("{} {}", name(number), path.display());
            self.failed.get_or_insert(what);
            registers.orig_rax = u64::MAX;
            ptrace::setregs(pid, registers).unwrap();
            self.injected.insert(pid);
        }
    }
}

/// The file that a call is about.
fn path(pid: Pid, registers: &libc::user_regs_struct) -> Option<PathBuf> {
    let of_descriptor = |number: u64| -> Option<PathBuf> {
        // The upper half of a register is not part of a descriptor.
        let number = u32::try_from(number & 0xffff_ffff).ok()?.cast_signed();
        match number {
            libc::AT_FDCWD => std::fs::read_link(format!("/proc/{pid}/cwd")).ok(),
            _ => std::fs::read_link(format!("/proc/{pid}/fd/{number}")).ok(),
        }
    };
    let of_text = |folder: u64, address: u64| -> Option<PathBuf> {
        let text = text(pid, address)?;
        Some(match Path::new(&text).is_absolute() {
            true => PathBuf::from(text),
            false => of_descriptor(folder)?.join(text),
        })
    };
    match registers.orig_rax.cast_signed() {
        libc::SYS_openat
        | libc::SYS_mkdirat
        | libc::SYS_unlinkat
        | libc::SYS_renameat
        | libc::SYS_renameat2
        | libc::SYS_linkat => of_text(registers.rdi, registers.rsi),
        libc::SYS_mkdir
        | libc::SYS_rename
        | libc::SYS_unlink
        | libc::SYS_link
        | libc::SYS_rmdir => of_text(libc::AT_FDCWD as u64, registers.rdi),
        libc::SYS_mmap => of_descriptor(registers.r8),
        libc::SYS_copy_file_range => of_descriptor(registers.rdx),
        _ => of_descriptor(registers.rdi),
    }
}

/// A text of another process.
fn text(pid: Pid, address: u64) -> Option<std::ffi::OsString> {
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

fn name(number: i64) -> &'static str {
    match number {
        libc::SYS_write => "write",
        libc::SYS_writev => "writev",
        libc::SYS_pwrite64 => "pwrite64",
        libc::SYS_fsync => "fsync",
        libc::SYS_fdatasync => "fdatasync",
        libc::SYS_ftruncate => "ftruncate",
        libc::SYS_openat => "openat",
        libc::SYS_mkdir => "mkdir",
        libc::SYS_mkdirat => "mkdirat",
        libc::SYS_rename => "rename",
        libc::SYS_renameat => "renameat",
        libc::SYS_renameat2 => "renameat2",
        libc::SYS_link => "link",
        libc::SYS_linkat => "linkat",
        libc::SYS_mmap => "mmap",
        libc::SYS_read => "read",
        libc::SYS_pread64 => "pread64",
        libc::SYS_getdents64 => "getdents64",
        _ => "call",
    }
}
