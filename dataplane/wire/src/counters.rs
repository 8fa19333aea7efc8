//! Structs of counters.

/// Declares a struct of counters, each a `u64` with its name: all names, all values, and the way
/// back from the values, in one order.
///
/// ```
/// wire::counters! {
///     /// Counters of a door.
///     Door {
///         /// Times that it was opened.
///         opened = "opened",
///     }
/// }
/// let door = Door { opened: 3 };
/// assert_eq!(door.iter().collect::<Vec<_>>(), [("opened", 3)]);
/// assert_eq!(Door::from_values(door.values()), door);
/// ```
#[macro_export]
macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident = $text:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: u64,)*
        }

        impl $name {
            /// The names, in the order of [`Self::values`].
            pub const NAMES: [&'static str; [$($text),*].len()] = [$($text),*];

            /// All values, in the order of [`Self::NAMES`].
            #[must_use]
            pub const fn values(&self) -> [u64; Self::NAMES.len()] {
                [$(self.$field),*]
            }

            /// Builds the counters from all values, in the order of [`Self::NAMES`].
            #[must_use]
            pub const fn from_values(values: [u64; Self::NAMES.len()]) -> Self {
                let [$($field),*] = values;
                Self { $($field),* }
            }

            /// Names and values of all counters.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                Self::NAMES.into_iter().zip(self.values())
            }
        }
    };
}
