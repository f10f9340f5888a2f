//! The program that shows the engine as a library runs, and is what the README prints.

#[path = "../examples/embedded.rs"]
mod program;

#[test]
fn the_embedded_example_finds_everything_after_its_restart() {
    program::main().unwrap();
}

#[test]
fn the_readme_shows_lines_of_the_embedded_example_in_their_order() {
    let readme = include_str!("../../../README.md");
    let (_, from) = readme.split_once("```rust\n").expect("the README shows a program");
    let (shown, _) = from.split_once("```").expect("the block ends");
    let mut lines = include_str!("../examples/embedded.rs").lines().map(str::trim);
    for line in shown.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert!(
            lines.any(|of_example| of_example == line),
            "not in the example, or not in this order: {line}"
        );
    }
}
