//! One function over many independent things, on all processors that this process may use. As pure as the function is: what comes
//! back is in the order of what went in, and no two calls share anything that changes.
use std::{num::NonZero, panic::resume_unwind, thread};

/// Below this many, threads cost more than they save.
const MANY: usize = 512;

/// What `look` makes of each of them.
///
/// # Panics
/// As `look` does.
pub fn map<T: Send, R: Send>(things: &mut [T], look: impl Fn(&mut T) -> R + Sync) -> Vec<R> {
    if things.len() < MANY {
        return things.iter_mut().map(look).collect();
    }
    // As many as the scheduler and a cgroup's quota allow.
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let (look, part) = (&look, things.len().div_ceil(threads));
    thread::scope(|scope| {
        let parts =
            things.chunks_mut(part).map(|part| scope.spawn(move || part.iter_mut().map(look).collect::<Vec<R>>()));
        let parts: Vec<_> = parts.collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_few_and_of_many_are_looked_at_once_and_in_order() {
        for count in [0, 1, MANY - 1, MANY, MANY + 1, 10 * MANY] {
            let mut things: Vec<usize> = (0..count).collect();
            let seen = map(&mut things, |thing| {
                *thing += 1;
                *thing
            });
            assert_eq!(seen, (1..=count).collect::<Vec<_>>());
            assert_eq!(seen, things);
        }
    }

    #[test]
    #[should_panic(expected = "the last one")]
    fn a_panic_of_one_is_a_panic_of_all() {
        let mut things: Vec<usize> = (1..=MANY).collect();
        map(&mut things, |thing| assert!(*thing < MANY, "the last one"));
    }
}
