//! Whatever write of the way is the last one of a process, the next one goes on, and comes to the same end.
use crate::house::House;

const NAMES: [&str; 3] = ["acme", "bolt", "coil"];

/// The whole way, from the first release to the last.
fn way(house: &mut House) {
    for version in ["1.1.0", "2.0.0", "3.0.0"] {
        house.ask(&NAMES, version);
        house.run();
    }
}

#[test]
fn a_crash_after_any_write_comes_to_the_same_end() {
    let mut undisturbed = House::with(&NAMES, "1.0.0");
    way(&mut undisturbed);
    assert!(undisturbed.writes > 50, "{}", undisturbed.writes);
    for write in 1..=undisturbed.writes {
        let mut house = House::with(&NAMES, "1.0.0");
        house.crash_after(write);
        way(&mut house);
        assert_eq!(house.live(), undisturbed.live(), "after write {write}");
        assert_eq!(house.specs, undisturbed.specs, "after write {write}: one write a phase");
        assert_eq!(house.stored_versions(), undisturbed.stored_versions(), "after write {write}");
        assert_eq!(house.granted(), undisturbed.granted(), "after write {write}");
    }
    println!("{} writes, a crash after each", undisturbed.writes);
}
