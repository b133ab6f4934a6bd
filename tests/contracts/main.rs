//! One test body per trait, run over everything that implements it.

mod stores;
