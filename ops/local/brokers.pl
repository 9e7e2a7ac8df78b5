# perl brokers.pl PORT: asks the Kafka node at 127.0.0.1:PORT for its metadata and prints the ids of
# the brokers that it takes to be alive, one a line. Status 1 when it does not answer in 2 seconds,
# or not well-formed. In perl because a bare Debian has it and Kafka's own tools take a second of
# CPU for each question.
use strict;
use warnings;
use IO::Socket::INET;

use constant { METADATA => 3, VERSION => 1, CORRELATION => 20260101, LARGEST_ANSWER => 1 << 20 };

$SIG{ALRM} = sub { exit 1 };
alarm 2;
my $node = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ARGV[0], Proto => 'tcp')
    or exit 1;

# Exactly $length bytes, or none of it is worth reading.
sub take {
    my ($length) = @_;
    my $bytes = '';
    while (length $bytes < $length) {
        sysread $node, $bytes, $length - length $bytes, length $bytes or exit 1;
    }
    return $bytes;
}

# Header: api key, version, correlation id, client id. Body: an array of no topics.
my $request = pack 's> s> l> s>/a* l>', METADATA, VERSION, CORRELATION, 'troth-local', 0;
syswrite $node, pack('l>/a*', $request);

my $length = unpack 'l>', take(4);
exit 1 if $length < 8 || $length > LARGEST_ANSWER;
my ($correlation, $count, $rest) = unpack 'l> l> a*', take($length);
exit 1 if $correlation != CORRELATION || $count < 0;

# Per broker: id, host, port, rack (a length of -1 is null). Then the controller's id and no topics.
my @ids;
for (1 .. $count) {
    exit 1 if length $rest < 12;
    my ($id, $host) = unpack 'l> s>', $rest;
    exit 1 if $host < 0 || length $rest < 12 + $host;
    my $rack = unpack 's>', substr $rest, 10 + $host, 2;
    $rack = 0 if $rack < 0;
    exit 1 if length $rest < 12 + $host + $rack;
    $rest = substr $rest, 12 + $host + $rack;
    push @ids, $id;
}
exit 1 if length $rest != 8;
print "$_\n" for @ids;
