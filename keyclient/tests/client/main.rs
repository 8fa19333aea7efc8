//! The client against a scripted, misbehaving KME, over real TLS on the loopback.
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod connection;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod failover;
#[cfg(test)]
mod files;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod pki;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod skip;
