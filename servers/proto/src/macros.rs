//! The table language of interfaces.

/// Declares an interface:
///
/// ```ignore
/// interface! {
///     /// What it is.
///     mod name, trait Name {
///         /// What it does.
///         16 open(flags: u32, mode: u32) in(path) out() sends(0) -> (kind) returns(1);
///     }
/// }
/// ```
///
/// Scalars are `u32`, `u64` or `i64`; `in` and `out` name lent buffers; `sends` and `returns`
/// say how many handles go along. Results are words: the first is the value.
#[macro_export]
macro_rules! interface {
    ($(#[$doc:meta])* mod $module:ident, trait $trait:ident {
        $($(#[$operation_doc:meta])*
          $number:literal $operation:ident($($scalar:ident: $type:ty),*)
            in($($input:ident),*) out($($output:ident),*) sends($sends:literal)
            -> ($($result:ident),*) returns($returns:literal);)*
    }) => {
        $(#[$doc])*
        pub mod $module {
            #[allow(unused_imports, reason = "not every interface uses every type")]
            use $crate::{Answer, Call, Error, Input, Outcome, Output, Reply, Request, Scalar, Transport};
            #[allow(unused_imports, reason = "not every interface sends handles")]
            use kernel_abi::Handle;

            /// Operation numbers.
            #[allow(non_upper_case_globals, reason = "named as the operations")]
            pub mod number {
                $(#[doc = concat!("`", stringify!($operation), "`")] pub const $operation: u64 = $number;)*
            }

            /// Number, name and signature of every operation, pinned by `interfaces.lock`.
            pub const SIGNATURES: &[(u64, &str, &str)] = &[$((
                $number,
                stringify!($operation),
                concat!(
                    "(", $(stringify!($scalar), ": ", stringify!($type), ", ",)* ") in(",
                    $(stringify!($input), ", ",)* ") out(", $(stringify!($output), ", ",)*
                    ") sends(", stringify!($sends), ") -> (", $(stringify!($result), ", ",)*
                    ") returns(", stringify!($returns), ")"
                ),
            ),)*];

            /// The operation's name, for traces.
            pub fn operation_name(number: u64) -> Option<&'static str> {
                match number { $($number => Some(stringify!($operation)),)* _ => None }
            }

            $(
                $(#[$operation_doc])*
                #[allow(clippy::too_many_arguments, reason = "one argument a field")]
                pub fn $operation<T: Transport + ?Sized>(
                    transport: &T
                    $(, $scalar: $type)* $(, $input: &[u8])* $(, $output: &mut [u8])*
                    , handles: &[Handle; $sends]
                ) -> Result<Answer, Error> {
                    #[allow(unused_mut, reason = "operations without scalars set none")]
                    let mut words = [0u64; kernel_abi::message::WORDS];
                    words[0] = $number;
                    #[allow(unused_mut, unused_variables, reason = "as above")]
                    let mut index = 0;
                    $(index += 1; words[index] = Scalar::to_word($scalar);)*
                    let answer = transport.call(Request {
                        words,
                        inputs: &[$($input),*],
                        outputs: &mut [$($output),*],
                        handles,
                    })?;
                    $crate::check_returned(answer, $returns)
                }
            )*

            /// What a server of this interface does. `C` is the call: who asks, buffers, handles.
            pub trait $trait<C: Call + ?Sized> {
                $(
                    $(#[$operation_doc])*
                    #[allow(clippy::too_many_arguments, reason = "one argument a field")]
                    fn $operation(&mut self, call: &mut C
                        $(, $scalar: $type)* $(, $input: Input)* $(, $output: Output)*) -> Reply {
                        let _ = call;
                        $(let _ = $scalar;)* $(let _ = $input;)* $(let _ = $output;)*
                        Err(Error::Unsupported)
                    }
                )*
            }

            /// Whether the number belongs to this interface.
            pub fn contains(number: u64) -> bool {
                operation_name(number).is_some()
            }

            /// Decodes a call, refusing what does not match the declaration, and serves it.
            pub fn dispatch<C: Call + ?Sized, S: $trait<C> + ?Sized>(server: &mut S, call: &mut C) -> Reply {
                let words = call.words();
                match words[0] {
                    $($number => {
                        let scalars: usize = 0 $(+ { let _ = stringify!($scalar); 1 })*;
                        let inputs: usize = 0 $(+ { let _ = stringify!($input); 1 })*;
                        let outputs: usize = 0 $(+ { let _ = stringify!($output); 1 })*;
                        $crate::check_shape(call, scalars, inputs, outputs, $sends)?;
                        #[allow(unused_mut, unused_variables, reason = "operations without fields")]
                        let mut index = 0;
                        $(index += 1;
                          let $scalar = <$type as Scalar>::from_word(words[index]).ok_or(Error::BadMessage)?;)*
                        #[allow(unused_mut, unused_variables, reason = "as above")]
                        let mut buffer = 0;
                        $(let $input = Input { index: buffer, length: call.buffer(buffer).ok_or(Error::BadMessage)?.0 };
                          buffer += 1;)*
                        $(let $output = Output { index: buffer, length: call.buffer(buffer).ok_or(Error::BadMessage)?.0 };
                          buffer += 1;)*
                        let _ = buffer;
                        server.$operation(call $(, $scalar)* $(, $input)* $(, $output)*)
                    })*
                    _ => Err(Error::Unsupported),
                }
            }
        }
    };
}
