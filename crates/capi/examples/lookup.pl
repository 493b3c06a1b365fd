#!/usr/bin/perl
# lookup.pl FOLDER|IMAGE ZONE|- NOW KEY...: as lookup.c; the calls a SpamAssassin plugin would make.
use strict;
use warnings;
use FFI::Platypus 1.00;

my ($path, $zone, $now, @keys) = @ARGV;
my $ffi = FFI::Platypus->new(api => 1, lib => $ENV{RBLMAP_LIBRARY} // 'librblmap.so.0');
$ffi->attach(rblmap_strerror => ['int'] => 'string');
$ffi->attach(rblmap_open => ['string', 'string', 'uint32', 'opaque*'] => 'int');
$ffi->attach(rblmap_close => ['opaque*'] => 'int');
$ffi->attach(rblmap_reader_new => ['opaque', 'string', 'opaque*'] => 'int');
$ffi->attach(rblmap_reader_free => ['opaque*'] => 'int');
$ffi->attach(rblmap_freshness => ['opaque', 'size_t', 'uint64', 'int*'] => 'int');
$ffi->attach(rblmap_lookup_text => ['opaque', 'string', 'uint64*'] => 'int');
$ffi->attach(rblmap_lookup_name => ['opaque', 'string', 'uint64*'] => 'int');
$ffi->attach(rblmap_render => ['opaque', 'string', 'opaque', 'size_t', 'size_t*'] => 'int');

sub check { my ($what, $status) = @_; die "$what: " . rblmap_strerror($status) . "\n" if $status }

my ($list, $reader, $freshness);
check($path, rblmap_open($path, $zone eq '-' ? undef : $zone, 0, \$list));
rblmap_reader_new($list, 'no-such-zone', \$reader) == 5 or die "no-such-zone\n";
check($path, rblmap_reader_new($list, undef, \$reader));
check('freshness', rblmap_freshness($reader, 0, $now, \$freshness));
print STDERR "stale: the mirror is late\n" if $freshness == 1;
my $line = "\0" x 511;
my ($buffer) = unpack 'J', pack 'P', $line;
for my $key (@keys) {
    my ($listed, $need) = (0, 0);
    my $status = rblmap_lookup_text($reader, $key, \$listed);
    $status = rblmap_lookup_name($reader, $key, \$listed) if $status == 4;
    check($key, $status);
    if ($freshness >= 2) { print "$key expired\n"; next }
    if (!$listed) { print "$key not listed\n"; next }
    my $text = '';
    if (!rblmap_render($reader, '554 5.7.1 ', $buffer, 511, \$need)) {
        $text = $ffi->cast('opaque' => 'string', $buffer);
    }
    print "$key listed $text\n";
}
rblmap_reader_free(\$reader);
rblmap_close(\$list);
