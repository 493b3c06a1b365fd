//! The cell of `Live` under loom, which tries every order in which threads can run, and all that each
//! of them may see of what the others wrote. Three cells with weaker orderings show that it finds them.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(
    clippy::duplicate_mod,
    reason = "the same sources with other orderings are what is compared"
)]

use std::cell::Cell as Plain;

use loom::sync::Arc;
use loom::thread;

thread_local! {
    /// Which process this is. The threads of a model all run on one thread.
    static PROCESS: Plain<u32> = const { Plain::new(1) };
    /// How many values there are.
    static VALUES: Plain<usize> = const { Plain::new(0) };
}

/// A number, and a place of memory that tells loom who made it, read it and let it go.
struct Value(u32, loom::cell::UnsafeCell<()>);

impl Value {
    fn new(number: u32) -> Value {
        VALUES.set(VALUES.get() + 1);
        let value = Value(number, loom::cell::UnsafeCell::new(()));
        value.1.with_mut(|_| ());
        value
    }

    fn read(&self) -> u32 {
        self.1.with(|_| self.0)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // One fault is told; a second panic would end all tests.
        if !std::thread::panicking() {
            self.1.with_mut(|_| ());
        }
        VALUES.set(VALUES.get() - 1);
    }
}

/// A cell, whatever its orderings.
trait Shared: Send + Sync + 'static {
    fn new() -> Arc<Self>;
    /// Adds one, and keeps the new value.
    fn add(&self) -> Arc<Value>;
    fn load(&self) -> Arc<Value>;
    /// Runs something with the lock in hand.
    fn meanwhile(&self, run: impl FnOnce());
    /// Adds one to what is in `own`, if no other thread is at the cell.
    fn try_add(&self, own: &mut Arc<Value>);
}

/// The sources of the cell with orderings of our own.
macro_rules! cell {
    ($name:ident, $orderings:path) => {
        #[path = "../src/live"]
        mod $name {
            mod atomics {
                pub(super) use loom::sync::Arc;
                pub(super) use loom::sync::atomic::{AtomicPtr, AtomicU32};
                pub(super) use loom::thread::yield_now;
                pub(super) use $orderings as Ordering;
            }
            mod fork {
                pub(super) fn listen() {}
                pub(super) fn number() -> u32 {
                    crate::PROCESS.get()
                }
            }
            mod cell;

            use super::{Arc, Shared, Value};

            pub(super) struct Made(cell::Cell<Value>);

            impl Shared for Made {
                fn new() -> Arc<Made> {
                    Arc::new(Made(cell::Cell::new(Value::new(0))))
                }
                fn add(&self) -> Arc<Value> {
                    self.0.update(|old| Some(Value::new(old.read() + 1)))
                }
                fn load(&self) -> Arc<Value> {
                    self.0.load()
                }
                fn meanwhile(&self, run: impl FnOnce()) {
                    self.0.update(|_| {
                        run();
                        None
                    });
                }
                fn try_add(&self, own: &mut Arc<Value>) {
                    let add = |old: &Value| Some(Value::new(old.read() + 1));
                    self.0.try_update(own, || (), add);
                }
            }
        }
    };
}

cell!(right, loom::sync::atomic::Ordering);
cell!(without_acquire, crate::WithoutAcquire);
cell!(without_release, crate::WithoutRelease);
cell!(relaxed, crate::Relaxed);

/// Each name of an ordering, and what it is here.
macro_rules! orderings {
    ($name:ident: $($says:ident is $is:ident),*) => {
        struct $name;
        #[allow(non_upper_case_globals, reason = "the names of orderings")]
        impl $name {
            $(const $says: loom::sync::atomic::Ordering = loom::sync::atomic::Ordering::$is;)*
        }
    };
}

orderings!(WithoutAcquire: Acquire is Relaxed, Release is Release, AcqRel is AcqRel, Relaxed is Relaxed);
orderings!(WithoutRelease: Acquire is Acquire, Release is Relaxed, AcqRel is AcqRel, Relaxed is Relaxed);
orderings!(Relaxed: Acquire is Relaxed, Release is Relaxed, AcqRel is Relaxed, Relaxed is Relaxed);

/// A thread that adds one.
fn adding<C: Shared>(cell: &Arc<C>) -> thread::JoinHandle<Arc<Value>> {
    let cell = Arc::clone(cell);
    thread::spawn(move || cell.add())
}

/// Two threads add one each to a new cell. All values are kept to the end, so that a weak ordering shows
/// as an addition that is lost, and not as a use of what was given back.
fn add_from_two<C: Shared>(cell: &Arc<C>) {
    let first = cell.load();
    let other = adding(cell);
    let mine = cell.add();
    let theirs = other.join().unwrap();
    assert_eq!(cell.load().read(), 2, "an addition is lost");
    drop((first, mine, theirs));
}

fn two_additions<C: Shared>() {
    loom::model(|| add_from_two(&C::new()));
}

/// A thread reads what another puts in place. All values are kept here, too.
fn one_addition_under_a_reader<C: Shared>() {
    loom::model(|| {
        let cell = C::new();
        let first = cell.load();
        let other = adding(&cell);
        let seen = cell.load();
        assert!(seen.read() <= 1);
        let theirs = other.join().unwrap();
        drop((first, seen, theirs));
    });
}

#[test]
fn no_addition_is_lost() {
    two_additions::<right::Made>();
}

#[test]
#[should_panic(expected = "an addition is lost")]
fn a_lock_that_is_taken_relaxed_is_found() {
    two_additions::<without_acquire::Made>();
}

#[test]
#[should_panic(expected = "an addition is lost")]
fn a_lock_that_is_let_go_relaxed_is_found() {
    two_additions::<without_release::Made>();
}

#[test]
#[should_panic(expected = "Causality violation")]
fn a_value_that_is_read_before_it_is_whole_is_found() {
    one_addition_under_a_reader::<relaxed::Made>();
}

#[test]
fn a_reader_has_a_whole_value_while_others_replace_it() {
    loom::model(|| {
        let cell = right::Made::new();
        let reader = thread::spawn({
            let cell = Arc::clone(&cell);
            move || {
                let (first, second) = (cell.load().read(), cell.load().read());
                assert!(first <= second, "an older value came back");
            }
        });
        cell.add();
        cell.add();
        reader.join().unwrap();
        drop(cell);
        assert_eq!(VALUES.get(), 0, "values are left");
    });
}

#[test]
fn threads_with_values_of_their_own_and_the_cell_have_no_more_than_one_each() {
    loom::model(|| {
        let cell = right::Made::new();
        let work = |cell: &right::Made| {
            let mut own = cell.load();
            cell.try_add(&mut own);
            assert!(VALUES.get() <= 3, "{} values", VALUES.get());
            own.read()
        };
        let other = thread::spawn({
            let cell = Arc::clone(&cell);
            move || work(&cell)
        });
        let (mine, theirs) = (work(&cell), other.join().unwrap());
        let last = cell.load().read();
        assert!(
            last >= 1 && last == mine.max(theirs),
            "{mine} {theirs} {last}"
        );
    });
}

#[test]
fn who_only_tries_does_not_wait() {
    loom::model(|| {
        let cell = right::Made::new();
        let mut own = Arc::new(Value::new(7));
        cell.meanwhile(|| cell.try_add(&mut own));
        assert_eq!((own.read(), cell.load().read()), (7, 0));
        cell.try_add(&mut own);
        assert_eq!((own.read(), cell.load().read()), (1, 1));
    });
}

#[test]
fn a_lock_that_a_child_inherited_is_broken_by_one_of_its_threads_at_a_time() {
    loom::model(|| {
        let cell = right::Made::new();
        // The process is forked while a thread of it is at the cell.
        cell.meanwhile(|| {
            PROCESS.set(2);
            add_from_two(&cell);
            PROCESS.set(1);
        });
    });
}
