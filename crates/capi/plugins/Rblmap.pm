package Mail::SpamAssassin::Plugin::Rblmap;

# rblmap in SpamAssassin, on librblmap by FFI::Platypus (Debian: libffi-platypus-perl).
#
#   loadplugin Mail::SpamAssassin::Plugin::Rblmap /usr/share/rblmap/Rblmap.pm
#   rblmap_list ops /var/lib/rblmap ops.example
#   header RBLMAP_OPS eval:rblmap_listed('ops')
#   score  RBLMAP_OPS 3.5
#
# A list is a mirror's folder with a zone, or an image alone. Asked is the last external relay: who
# gave the mail to us. Whatever is missing, damaged or expired lists nobody, and is told once a process.

use strict;
use warnings;
use Mail::SpamAssassin::Plugin;
use Mail::SpamAssassin::Logger qw(dbg);
our @ISA = qw(Mail::SpamAssassin::Plugin);

use constant { OK => 0, EXPIRED => 2, REFRESH => 5 };

sub new {
    my ($class, $main) = @_;
    my $self = bless($class->SUPER::new($main), $class);
    $self->register_eval_rule('rblmap_listed', $Mail::SpamAssassin::Conf::TYPE_HEAD_EVALS);
    $main->{conf}->{parser}->register_commands([
        {
            setting => 'rblmap_list',
            type    => $Mail::SpamAssassin::Conf::CONF_TYPE_HASH_KEY_VALUE,
            code    => sub {
                my ($conf, $key, $value) = @_;
                my ($name, $path, $zone, $more) = split(' ', $value);
                return $Mail::SpamAssassin::Conf::INVALID_VALUE if !defined $path || defined $more;
                $conf->{rblmap_lists}->{$name} = { path => $path, zone => $zone };
            },
        },
        {
            setting => 'rblmap_library',
            type    => $Mail::SpamAssassin::Conf::CONF_TYPE_STRING,
            default => 'librblmap.so.0',
        },
    ]);
    return $self;
}

sub library {
    my ($self, $conf) = @_;
    return $self->{library} if exists $self->{library};
    $self->{library} = eval {
        require FFI::Platypus;
        my $ffi = FFI::Platypus->new(api => 1, lib => $conf->{rblmap_library});
        my %call = (
            open      => ['string', 'string', 'uint32', 'opaque*'],
            refresh   => ['opaque', 'opaque'],
            reader_new => ['opaque', 'string', 'opaque*'],
            freshness => ['opaque', 'size_t', 'uint64', 'int*'],
            lookup_text => ['opaque', 'string', 'uint64*'],
        );
        my %lib = map { $_ => $ffi->function("rblmap_$_" => $call{$_} => 'int') } keys %call;
        $lib{strerror} = $ffi->function(rblmap_strerror => ['int'] => 'string');
        return \%lib;
    };
    warn("rblmap: $conf->{rblmap_library}: $@") if !$self->{library};
    return $self->{library};
}

# Warns of a list that has no opinion, until the reason is another.
sub no_opinion {
    my ($list, $why) = @_;
    warn("rblmap: $list->{path}: $why: no opinion\n") if $why ne ($list->{told} // '');
    $list->{told} = $why;
    return;
}

# The reader of a list, opened in this process: children of spamd open their own.
sub reader {
    my ($self, $lib, $list) = @_;
    my $open = $list->{open};
    if (!$open || $open->{pid} != $$) {
        my ($handle, $reader);
        my $status = $lib->{open}->call($list->{path}, $list->{zone}, 0, \$handle);
        $status = $lib->{reader_new}->call($handle, undef, \$reader) if $status == OK;
        if ($status != OK) {
            return no_opinion($list, $lib->{strerror}->call($status));
        }
        $open = $list->{open} = { pid => $$, handle => $handle, reader => $reader, at => time };
    } elsif (time - $open->{at} >= REFRESH) {
        $open->{at} = time;
        $lib->{refresh}->call($open->{handle}, undef);
    }
    return $open->{reader};
}

sub rblmap_listed {
    my ($self, $pms, undef, $name) = @_;
    my $conf = $pms->{conf};
    # SpamAssassin gives the body of the message first where a rule is of another type.
    ($name) = grep { defined && !ref && exists $conf->{rblmap_lists}->{$_} } ($name, @_[2 .. $#_]);
    my $list  = defined $name ? $conf->{rblmap_lists}->{$name} : undef;
    my $relay = $pms->{relays_external}->[0];
    return 0 if !$list || !$relay || !$relay->{ip};
    my $lib = $self->library($conf) or return 0;
    my $reader = $self->reader($lib, $list) or return 0;
    my ($freshness, $listed) = (0, 0);
    return 0 if $lib->{freshness}->call($reader, 0, time, \$freshness) != OK;
    if ($freshness >= EXPIRED) {
        no_opinion($list, $freshness == EXPIRED ? 'expired' : 'the list was given up');
        return 0;
    }
    $list->{told} = '';
    my $status = $lib->{lookup_text}->call($reader, $relay->{ip}, \$listed);
    dbg("rblmap: $relay->{ip} in $name: " . ($status == OK ? $listed : "status $status"));
    return $status == OK && $listed ? 1 : 0;
}

1;
