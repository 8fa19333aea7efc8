mod conformance;
mod pair;
mod world;
