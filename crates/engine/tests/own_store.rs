//! The program that shows a store of one's own does what every store has to do.

#[path = "../examples/own_store.rs"]
mod program;

#[test]
fn the_example_of_a_store_of_ones_own_passes_the_suite() {
    program::main();
}
