/* <assert.h>: diagnostics (C 7.2); may be included again with another NDEBUG */
#include <features.h>

#undef assert
#ifdef NDEBUG
#define assert(...) ((void)0)
#else
#define assert(...) ((void)((__VA_ARGS__) || (__assert_fail(#__VA_ARGS__, __FILE__, __LINE__, __func__), 0)))
#endif
#if __STDC_VERSION__ >= 201112L && __STDC_VERSION__ < 202311L && !defined(__cplusplus)
#undef static_assert
#define static_assert _Static_assert
#endif

#ifdef __cplusplus
extern "C" {
#endif
_Noreturn void __assert_fail(const char *, const char *, int, const char *);
#ifdef __cplusplus
}
#endif
