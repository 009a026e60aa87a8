//! The engine of ordered Pairs against a model that folds everything anew.

mod behaviour;
mod cells;
mod draw;
mod model;
mod sim;
