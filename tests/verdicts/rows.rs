//! The rows of the table on schemas.
use crate::table::{alone, among_many, everywhere};

#[test]
fn fields_come_and_go() {
    everywhere(include_str!("rows/fields.yaml"));
}

#[test]
fn types_stay() {
    everywhere(include_str!("rows/types.yaml"));
}

#[test]
fn values_are_held_against_their_bounds() {
    everywhere(include_str!("rows/values.yaml"));
}

#[test]
fn lists_and_maps_keep_their_kind() {
    everywhere(include_str!("rows/containers.yaml"));
}

#[test]
fn branches_are_sets() {
    everywhere(include_str!("rows/branches.yaml"));
}

#[test]
fn rules_are_sets_by_what_they_decide() {
    everywhere(include_str!("rows/rules.yaml"));
}

#[test]
fn a_new_required_field_is_refused_and_in_lists_needs_a_scan() {
    let row = |there: &str| {
        format!(
            "- row: new required field
  node:
    - {{type: object}}
    - {{type: object, properties: {{f: {{type: string}}}}, required: [f]}}
  there: [.f field-added Ok, .f {there}]
  back: [.f field-removed Contract, .f required-removed Gate]
"
        )
    };
    alone(&row("required-field-added No"));
    among_many(&row("required-added Scan"));
}
