//! The porting kit: SDK, recipe builder, package format.

