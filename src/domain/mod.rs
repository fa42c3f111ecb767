//! (opened by the first commit that fills it)
