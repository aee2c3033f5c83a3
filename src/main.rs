//! Paraph's binary.

fn main() {
    if std::env::args_os().nth(1).is_some_and(|first| first == paraph::infrastructure::confinement::LAUNCHER_ARGUMENT) {
        paraph::infrastructure::confinement::launcher_main();
    }
}
