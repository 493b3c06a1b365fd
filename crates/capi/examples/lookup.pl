#!/usr/bin/perl
# lookup.pl FOLDER|IMAGE ZONE|- NOW KEY...: as lookup.c; the calls a SpamAssassin plugin would make.
use strict;
use warnings;
use Rblmap;

my ($path, $zone, $now, @keys) = @ARGV;
$zone = undef if $zone eq '-';
my $list = Rblmap->new($path, $zone) or die "$Rblmap::error\n";
Rblmap->new($path, $zone, subzone => 'no-such-zone') and die "no-such-zone is there\n";
$Rblmap::status == Rblmap::NO_ZONE or die "$Rblmap::error\n";
my $freshness = $list->freshness($now);
print STDERR "stale: the mirror is late\n" if $freshness == Rblmap::STALE;
for my $key (@keys) {
    my $listed = $list->lookup($key);
    if (!defined $listed) {
        $Rblmap::status == Rblmap::KEY or die "$key: $Rblmap::error\n";
        print "$key neither an address nor a name\n";
    } elsif ($freshness >= Rblmap::EXPIRED) {
        print "$key expired\n";
    } elsif (!$listed) {
        print "$key not listed\n";
    } else {
        print "$key listed ", $list->render('554 5.7.1 ') // '', "\n";
    }
}
