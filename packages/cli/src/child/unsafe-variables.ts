/**
 * Variables that decide which code a program loads or runs, before it does anything of its own. A secrets file has no
 * business setting them: whoever may change one line of it would run code with every secret in reach.
 *
 * A list can't be complete: any program may have such a variable of its own. It holds those of loaders, shells,
 * language runtimes and git. Names that settings share by chance (LaunchDarkly's LD_SDK_KEY) are why there is no `LD_*`.
 */

const NAMES: ReadonlySet<string> = new Set([
  // where programs come from
  'PATH', 'SHELL', 'IFS',
  // the dynamic linker and the C library
  'LD_PRELOAD', 'LD_PRELOAD_32', 'LD_PRELOAD_64', 'LD_LIBRARY_PATH', 'LD_LIBRARY_PATH_32', 'LD_LIBRARY_PATH_64', 'LD_AUDIT',
  'LD_ORIGIN_PATH', 'LD_DEBUG_OUTPUT', 'LD_PROFILE', 'LD_PROFILE_OUTPUT', 'GLIBC_TUNABLES', 'GCONV_PATH', 'LOCPATH', 'NLSPATH',
  // shells
  'BASH_ENV', 'ENV', 'BASHOPTS', 'SHELLOPTS', 'PROMPT_COMMAND', 'PS4', 'ZDOTDIR', 'CDPATH',
  // Node
  'NODE_OPTIONS', 'NODE_PATH', 'NODE_REPL_EXTERNAL_MODULE', 'npm_config_node_options', 'NPM_CONFIG_NODE_OPTIONS',
  'npm_config_script_shell', 'NPM_CONFIG_SCRIPT_SHELL', 'BUN_OPTIONS', 'ELECTRON_RUN_AS_NODE',
  // Python
  'PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONHOME', 'PYTHONUSERBASE', 'PYTHONEXECUTABLE', 'PYTHONBREAKPOINT', 'PYTHONINSPECT',
  'PYTHONPYCACHEPREFIX', 'PYTHONWARNINGS',
  // Perl, Ruby, PHP, Lua
  'PERL5OPT', 'PERL5LIB', 'PERLLIB', 'PERL5DB', 'RUBYOPT', 'RUBYLIB', 'GEM_HOME', 'GEM_PATH', 'BUNDLE_GEMFILE', 'PHPRC',
  'PHP_INI_SCAN_DIR', 'LUA_INIT', 'LUA_PATH', 'LUA_CPATH',
  // Java, .NET, Erlang
  'JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS', 'CLASSPATH', 'MAVEN_OPTS', 'GRADLE_OPTS', 'DOTNET_STARTUP_HOOKS',
  'DOTNET_ADDITIONAL_DEPS', 'CORECLR_PROFILER_PATH', 'CORECLR_ENABLE_PROFILING', 'COR_PROFILER_PATH', 'ERL_FLAGS', 'ERL_AFLAGS', 'ERL_ZFLAGS', 'ELIXIR_ERL_OPTIONS',
  // OpenSSL loads what its configuration names
  'OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES',
  // programs that others start
  'GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_PROXY_COMMAND', 'GIT_EXTERNAL_DIFF', 'GIT_EXEC_PATH', 'GIT_TEMPLATE_DIR', 'GIT_ASKPASS', 'GIT_EDITOR',
  'GIT_SEQUENCE_EDITOR', 'GIT_PAGER', 'SSH_ASKPASS', 'SUDO_ASKPASS', 'EDITOR', 'VISUAL', 'PAGER', 'MANPAGER', 'LESSOPEN', 'LESSCLOSE',
  'RSYNC_RSH', 'CVS_RSH', 'MAKEFLAGS', 'MAKEFILES', 'RUSTC_WRAPPER', 'RUSTC_WORKSPACE_WRAPPER',
]);

const PREFIXES: readonly string[] = ['DYLD_', 'BASH_FUNC_', 'GIT_CONFIG', 'LUA_PATH_5_', 'LUA_CPATH_5_', 'LUA_INIT_5_'];

/** Names are compared as they are: to Linux, `path` is another variable than `PATH`. */
export function isUnsafeVariable(name: string): boolean {
  return NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
}
