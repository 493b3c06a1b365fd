package Rblmap;

# Looks mail clients up in block list images: librblmap by FFI::Platypus.
use strict;
use warnings;
use Carp qw(croak);
use FFI::Platypus 1.00;

our $VERSION = '0.1.0';

use constant { FRESH => 0, STALE => 1, EXPIRED => 2, RETIRED => 3, WAITING => 4 };
use constant { KEY => 4, NO_ZONE => 5 };

# The status of the last call that failed, and what it has to say.
our ($status, $error) = (0, '');

my $ffi = FFI::Platypus->new(api => 1, lib => $ENV{RBLMAP_LIBRARY} // 'librblmap.so.0');
$ffi->mangler(sub { "rblmap_$_[0]" });
$ffi->attach([strerror   => '_strerror']   => ['int'] => 'string');
$ffi->attach([last_error => '_last_error'] => ['opaque', 'size_t', 'size_t*'] => 'int');
$ffi->attach([open       => '_open']       => ['string', 'string', 'uint32', 'opaque*'] => 'int');
$ffi->attach([close      => '_close']      => ['opaque*'] => 'int');
$ffi->attach([refresh    => '_refresh']    => ['opaque', 'int*'] => 'int');
$ffi->attach([reader_new => '_reader_new'] => ['opaque', 'string', 'opaque*'] => 'int');
$ffi->attach([reader_free => '_reader_free'] => ['opaque*'] => 'int');
$ffi->attach([freshness  => '_freshness']  => ['opaque', 'size_t', 'uint64', 'int*'] => 'int');
$ffi->attach([lookup     => '_lookup'] =>
        ['opaque', 'string', 'size_t', 'uint64*', 'size_t'] => 'int');
$ffi->attach([render     => '_render'] =>
        ['opaque', 'string', 'opaque', 'size_t', 'size_t*'] => 'int');

# Calls with a buffer of so many bytes, and gives what stands in it, or undef.
sub _text {
    my ($len, $call) = @_;
    my $text = "\0" x $len;
    my ($place) = unpack 'J', pack 'P', $text;
    return undef if $call->($place, $len);
    return substr $text, 0, index $text, "\0";
}

sub _fail {
    my ($code) = @_;
    my $need = 0;
    my $text = _text(1025, sub { _last_error(@_, \$need) });
    ($status, $error) = ($code, $text // _strerror($code));
    return;
}

# C ends a string at a NUL, Perl does not.
sub _c_string {
    my ($text, $what) = @_;
    croak "$what with a NUL in it" if defined $text && index($text, "\0") >= 0;
    return $text;
}

# Rblmap->new(PATH, ZONE or undef, copy => 1, wait => 1, subzone => NAME): undef if it fails; then
# $Rblmap::error says why.
sub new {
    my ($class, $path, $zone, %options) = @_;
    my $self = bless { list => undef, reader => undef, pid => $$ }, $class;
    my $flags = ($options{copy} ? 1 : 0) | ($options{wait} ? 2 : 0);
    my ($list, $reader);
    my $code = _open(_c_string($path, 'path'), _c_string($zone, 'zone'), $flags, \$list);
    return _fail($code) if $code;
    $self->{list} = $list;
    $code = _reader_new($list, _c_string($options{subzone}, 'subzone'), \$reader);
    return _fail($code) if $code;
    $self->{reader} = $reader;
    return $self;
}

# Whether answers count at a time in seconds since 1970: FRESH to WAITING.
sub freshness {
    my ($self, $now) = @_;
    my $out = 0;
    my $code = _freshness($self->{reader}, 0, $now, \$out);
    return $code ? _fail($code) : $out;
}

# 1 if an address or a name is listed, 0 if not, undef if it is neither.
sub lookup {
    my ($self, $text) = @_;
    my $listed = 0;
    utf8::encode($text) if utf8::is_utf8($text);
    my $code = _lookup($self->{reader}, $text, length $text, \$listed, 1);
    return $code ? _fail($code) : ($listed ? 1 : 0);
}

# The reply line for what the last lookup found, in printable ASCII; undef if there is no text.
sub render {
    my ($self, $prefix) = @_;
    my $need = 0;
    _c_string($prefix, 'prefix');
    return _text(511, sub { _render($self->{reader}, $prefix, @_, \$need) });
}

# Looks for a new image at once: 1 if there was one, 0 if not, undef if it cannot be used.
sub refresh {
    my ($self) = @_;
    my $changed = 0;
    my $code = _refresh($self->{list}, \$changed);
    return $code ? _fail($code) : $changed;
}

# Gives the list up before its last reference goes. Closing twice does nothing.
sub close {
    my ($self) = @_;
    my ($list, $reader) = delete @{$self}{qw(list reader)};
    _reader_free(\$reader) if $reader;
    _close(\$list) if $list;
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ($@, $!, $?);
    $self->close if ${^GLOBAL_PHASE} ne 'DESTRUCT';
    return;
}

# A thread of Perl clones the numbers, not what they stand for.
sub CLONE_SKIP { return 1 }

1;
__END__

=head1 NAME

Rblmap - look mail clients up in block list images

=head1 SYNOPSIS

    use Rblmap;
    my $list = Rblmap->new('/var/lib/rblmap', 'ops.example') or die "$Rblmap::error\n";
    if ($list->freshness(time) < Rblmap::EXPIRED && $list->lookup('192.0.2.1')) {
        print $list->render('554 5.7.1 '), "\n";
    }

=head1 DESCRIPTION

A layer over librblmap(3). A list may be used in children after C<fork>. What is not closed is
closed when its last reference goes.

=cut
