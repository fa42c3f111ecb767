//! Whatever write of the way is the last one of a process, the next one goes on, and comes to the same end.
use crate::house::House;

const NAMES: [&str; 3] = ["acme", "bolt", "coil"];

/// Holds the way with a crash after each of its writes against the undisturbed one.
fn crash_after_any_write(from: &str, to: &str, least: usize) {
    let way = |crash: Option<usize>| {
        let mut house = House::with(&NAMES, from);
        if let Some(write) = crash {
            house.crash_after(write);
        }
        house.ask(&NAMES, to);
        house.run();
        house
    };
    let undisturbed = way(None);
    assert!(undisturbed.writes >= least, "{}", undisturbed.writes);
    for write in 1..=undisturbed.writes {
        let house = way(Some(write));
        assert_eq!(house.live(), undisturbed.live(), "after write {write}");
        assert_eq!(house.specs, undisturbed.specs, "after write {write}: one write a phase");
        assert_eq!(house.stored_versions(), undisturbed.stored_versions(), "after write {write}");
        assert_eq!(house.granted(), undisturbed.granted(), "after write {write}");
    }
    println!("{from} to {to}: {} writes, a crash after each", undisturbed.writes);
}

#[test]
fn a_crash_on_the_way_to_a_new_field() {
    crash_after_any_write("1.0.0", "1.1.0", 20);
}

#[test]
fn a_crash_on_the_way_to_a_new_version() {
    crash_after_any_write("1.1.0", "2.0.0", 30);
}

#[test]
fn a_crash_on_the_way_to_the_end_of_an_old_version() {
    crash_after_any_write("2.0.0", "3.0.0", 30);
}
