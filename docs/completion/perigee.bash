# Completion of perigee for bash; printed by `perigee help --completion`.

_perigee()
{
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local verb=${COMP_WORDS[1]} opts=--help
    local words='serve check reload status explain top stop reopen config hold release route verify tls rewrite smtp filter auth eval send mailq newaliases test help dkim-keygen ocsp-fetch dmarc-report version queue hints'
    local queue='list count show retry freeze thaw move remove bounce export import run '
    local hints='list remove tidy '
    case $prev in --rules|--spool|--dns|--message|--junit) COMPREPLY=($(compgen -f -- "$cur")); return ;; esac
    if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W "$words" -- "$cur")); return; fi
    if [ "$verb" = queue ]; then
        if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W "$queue" -- "$cur")); return; fi
        verb="queue ${COMP_WORDS[2]}"
    fi
    if [ "$verb" = hints ]; then
        if [ "$COMP_CWORD" = 2 ]; then COMPREPLY=($(compgen -W "$hints" -- "$cur")); return; fi
        verb="hints ${COMP_WORDS[2]}"
    fi
    case $verb in
    'serve') opts='--help --rules --spool --workers --foreground --allow-root --tls-on-connect' ;;
    'check') opts='--help --json --rules' ;;
    'reload') opts='--help --json --rules --spool' ;;
    'status') opts='--help --json --rules --spool' ;;
    'explain') opts='--help --json --rules --spool' ;;
    'top') opts='--help --json --rules --spool --watch' ;;
    'stop') opts='--help --rules --spool --drain' ;;
    'reopen') opts='--help --rules --spool' ;;
    'config') opts='--help --json --rules' ;;
    'queue list') opts='--help --json --rules --spool --sender --recipient --domain --older --queue --frozen' ;;
    'queue count') opts='--help --json --rules --spool --sender --recipient --domain --older --queue --frozen' ;;
    'queue show') opts='--help --json --rules --spool' ;;
    'queue retry') opts='--help --rules --spool' ;;
    'queue freeze') opts='--help --rules --spool' ;;
    'queue thaw') opts='--help --rules --spool' ;;
    'queue move') opts='--help --rules --spool' ;;
    'queue remove') opts='--help --rules --spool' ;;
    'queue bounce') opts='--help --rules --spool' ;;
    'queue export') opts='--help --rules --spool' ;;
    'queue import') opts='--help --rules --spool' ;;
    'queue run') opts='--help --rules --spool' ;;
    'hold') opts='--help --rules --spool' ;;
    'release') opts='--help --rules --spool' ;;
    'route') opts='--help --json --rules --spool --sender --dns --now --seed --dry-run --client --helo --rcpt --message --explain' ;;
    'verify') opts='--help --json --rules --sender --dns --now --seed --dry-run --client --helo --rcpt --message --as --callout' ;;
    'hints list') opts='--help --json --rules --spool' ;;
    'hints remove') opts='--help --rules --spool' ;;
    'hints tidy') opts='--help --rules --spool' ;;
    'tls') opts='--help --json --rules --sender --dns --now --seed --dry-run --client --helo --rcpt --message' ;;
    'rewrite') opts='--help --json --rules --sender --dns --now --seed --dry-run --client --helo --rcpt --message' ;;
    'smtp') opts='--help --json --rules --spool --dns --now --seed --dry-run --client --explain' ;;
    'filter') opts='--help --json --rules --sender --dns --now --seed --dry-run --client --helo --rcpt --message --explain' ;;
    'auth') opts='--help --json --rules --sender --dns --now --seed --dry-run --client --helo' ;;
    'eval') opts='--help --json --rules --sender --dns --now --seed --dry-run --client --helo --rcpt --message --phase --explain' ;;
    'send') opts='--help --spool' ;;
    'mailq') opts='--help --json --rules --spool --sender --recipient --domain --older --queue --frozen' ;;
    'newaliases') opts='--help' ;;
    'test') opts='--help --tap --junit --filter --coverage' ;;
    'help') opts='--help --man --completion --guide' ;;
    'dkim-keygen') opts='--help --type --bits' ;;
    'ocsp-fetch') opts='--help --json --issuer --url' ;;
    'dmarc-report') opts='--help --json --rules --spool --domain --dns --now --seed --dry-run --today --since --print' ;;
    'version') opts='--help --json' ;;
    esac
    case $cur in -*) COMPREPLY=($(compgen -W "$opts" -- "$cur")) ;; *) COMPREPLY=($(compgen -f -- "$cur")) ;; esac
}
complete -F _perigee perigee
