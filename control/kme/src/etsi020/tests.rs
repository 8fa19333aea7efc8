mod conformance;
mod pair;
mod table;
mod world;
