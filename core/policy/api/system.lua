-- The engine, its machine and its clock. Getters: core/policy/vars_system.c

local function system(name, ty, get, doc) var { name = name, type = ty, phases = always, get = get, group = "system", doc = doc } end

var { name = "primary_hostname", also = { "default_hostname" }, type = "string", phases = always, get = "get_primary_hostname", group = "config",
  doc = [[The name of this host, from the option of that name or from the system.]] }
var { name = "qualify_domain", type = "string", phases = always, get = "get_qualify_domain", group = "config",
  doc = [[The domain added to sender addresses that have none.]] }
var { name = "qualify_recipient", type = "string", phases = always, get = "get_qualify_recipient", group = "config",
  doc = [[The domain added to recipient addresses that have none.]] }
var { name = "spool_directory", type = "string?", phases = always, get = "get_spool_directory", group = "config",
  doc = [[Where the spool is. Nil in a world without one.]] }
var { name = "config_dir", type = "string", phases = always, get = "get_config_dir", group = "config", doc = [[The directory the rules were read from.]] }
var { name = "config_file", type = "string", phases = always, get = "get_config_dir", group = "config",
  doc = [[The same as `config_dir`: the rules are a directory, not a file.]] }
var { name = "bounce_return_size_limit", also = { "return_size_limit" }, type = "integer", phases = always, get = "get_bounce_return_size_limit",
  group = "config", doc = [[How many bytes of a message a bounce returns at most, rounded up to a thousand.]] }
var { name = "localhost_number", type = "integer?", phases = always, get = "get_localhost_number", group = "config",
  doc = [[The number of this host among those that share a name. Nil if it was not given one.]] }
var { name = "exim_uid", type = "integer", phases = always, get = "get_uid", group = "config", doc = [[User id the engine runs as.]] }
var { name = "exim_gid", type = "integer", phases = always, get = "get_gid", group = "config", doc = [[Group id the engine runs as.]] }
var { name = "exim_path", type = "string?", phases = always, get = "get_program_path", group = "config", doc = [[Path of the running program.]] }
var { name = "version_number", also = { "exim_version" }, type = "string", phases = always, get = "get_version", group = "config",
  doc = [[Version of Perigee.]] }

system("caller_uid", "integer", "get_uid", [[Real user id of this process.]])
system("caller_gid", "integer", "get_gid", [[Real group id of this process.]])
system("compile_date", "string", "get_compile_date", [[When the program was built.]])
system("compile_number", "string", "get_compile_number", [[Always `1`: builds are told apart by their version.]])
system("initial_cwd", "string?", "get_initial_cwd", [[The directory the program was started in.]])
system("pid", "integer", "get_pid", [[Id of this process.]])
system("load_average", "integer", "get_load_average", [[The system's load over one minute, times 1000.]])
system("queue_size", "integer", "get_queue_size", [[Messages in the queue of this worker.]])
system("regex_cachesize", "integer", "get_regex_cachesize", [[Always 0: patterns live as long as the rules that hold them.]])
system("spool_space", "integer", "get_spool_space", [[Free kilobytes where the spool is, or -1.]])
system("spool_inodes", "integer", "get_spool_inodes", [[Free inodes where the spool is, or -1.]])
system("log_space", "integer", "get_log_space", [[Free kilobytes where the logs are, or -1.]])
system("log_inodes", "integer", "get_log_inodes", [[Free inodes where the logs are, or -1.]])

local function tod(name, doc) var { name = name, type = "string", phases = always, get = "get_" .. name, group = "time", doc = doc } end

tod("tod_bsdinbox", [[Now, as a mailbox's From line has it: `Thu Oct 17 17:14:09 1995`.]])
tod("tod_epoch", [[Now, in seconds since 1970, as text.]])
tod("tod_epoch_l", [[Now, in microseconds since 1970, as text.]])
tod("tod_full", [[Now, as a Date: field has it: `Tue, 02 Mar 1999 09:44:33 +0000`.]])
tod("tod_log", [[Now, as log lines have it: `1995-10-17 15:32:29`.]])
tod("tod_logfile", [[Today, as names of log files have it: `19951017`.]])
tod("tod_zone", [[The offset of local time: `+0000`.]])
tod("tod_zulu", [[Now, in UTC: `20030221154023Z`.]])
