//! Doing pieces of work that need one another's results, several at once.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// A piece of work: its name, and the names of those whose results it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its name.
    pub name: String,
    /// The pieces that must be done first. All of them must be in the list.
    pub needs: Vec<String>,
}

/// Results by the pieces' names.
pub type Results<T> = BTreeMap<String, T>;

struct State<T, E> {
    /// Not begun, in the order in which they were given.
    waiting: Vec<Piece>,
    done: Results<T>,
    failure: Option<E>,
}

/// Does every piece, at most `workers` at a time, each after what it needs; `work` gets the name and
/// all results so far. Pieces are begun in the order given where their needs allow. After a failure
/// nothing is begun any more, and the first error is the answer. There must be no circles.
pub fn carry_out<T, E>(
    pieces: Vec<Piece>,
    workers: usize,
    work: impl Fn(&str, &Results<T>) -> Result<T, E> + Sync,
) -> Result<Results<T>, E>
where
    T: Clone + Send,
    E: Send,
{
    let state = Mutex::new(State {
        waiting: pieces,
        done: Results::new(),
        failure: None,
    });
    let changed = Condvar::new();
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| take_turns(&state, &changed, &work));
        }
    });
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    match state.failure {
        Some(error) => Err(error),
        None => Ok(state.done),
    }
}

/// One worker: does what is ready until nothing is left to begin.
fn take_turns<T: Clone, E>(
    state: &Mutex<State<T, E>>,
    changed: &Condvar,
    work: &impl Fn(&str, &Results<T>) -> Result<T, E>,
) {
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    while let Some((piece, done)) = next_ready(lock(), changed) {
        let result = work(&piece.name, &done);
        let mut state = lock();
        match result {
            Ok(result) => {
                state.done.insert(piece.name, result);
            }
            Err(error) => {
                state.waiting.clear();
                state.failure.get_or_insert(error);
            }
        }
        drop(state);
        changed.notify_all();
    }
}

/// Waits for a piece whose needs are done and takes it out of the list.
fn next_ready<T: Clone, E>(
    mut state: MutexGuard<State<T, E>>,
    changed: &Condvar,
) -> Option<(Piece, Results<T>)> {
    loop {
        if state.waiting.is_empty() {
            return None;
        }
        let is_done = |name: &String| state.done.contains_key(name);
        let ready = state
            .waiting
            .iter()
            .position(|piece| piece.needs.iter().all(is_done));
        if let Some(index) = ready {
            let piece = state.waiting.remove(index);
            return Some((piece, state.done.clone()));
        }
        state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    fn piece(name: &str, needs: &[&str]) -> Piece {
        Piece {
            name: name.to_string(),
            needs: needs.iter().map(|name| name.to_string()).collect(),
        }
    }

    #[test]
    fn a_piece_has_the_results_of_what_it_needs() {
        let pieces = vec![
            piece("shell", &["lines", "screen"]),
            piece("lines", &["screen"]),
            piece("screen", &[]),
        ];
        let results = carry_out(pieces, 3, |name, done| {
            Ok::<String, ()>(format!("{name}({})", done.keys().len()))
        })
        .unwrap();
        assert_eq!(results["screen"], "screen(0)");
        assert_eq!(results["lines"], "lines(1)");
        assert_eq!(results["shell"], "shell(2)");
    }

    #[test]
    fn two_workers_do_two_pieces_at_once() {
        // Each waits for the other to have begun.
        let both = Barrier::new(2);
        let pieces = vec![piece("one", &[]), piece("two", &[])];
        let results = carry_out(pieces, 2, |_, _| {
            both.wait();
            Ok::<(), ()>(())
        });
        assert_eq!(results.unwrap().len(), 2);
    }

    #[test]
    fn after_a_failure_nothing_is_begun() {
        let pieces = vec![piece("bad", &[]), piece("late", &[])];
        let begun = Mutex::new(Vec::new());
        let result = carry_out(pieces, 1, |name, _: &Results<()>| {
            begun.lock().unwrap().push(name.to_string());
            Err(name.to_string())
        });
        assert_eq!(result, Err("bad".to_string()));
        assert_eq!(*begun.lock().unwrap(), ["bad"]);
    }

    #[test]
    fn what_waits_for_a_failed_piece_ends_too() {
        let pieces = vec![piece("bad", &[]), piece("waits", &["bad"])];
        let result = carry_out(pieces, 2, |name, _: &Results<()>| Err(name.to_string()));
        assert_eq!(result, Err("bad".to_string()));
    }
}
