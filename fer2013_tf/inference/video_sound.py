"""Take the sound of one video into another, beside its frames (PyAV)."""

import contextlib

from fer2013_tf.inference import video_decoding

# Sound that players of the new file know is copied, other sound is encoded: codec, name.
COPIED = {
    ".mp4": {"aac", "mp3", "ac3", "eac3", "alac"},
    ".avi": {"mp3", "mp2", "ac3", "pcm_s16le"},
    ".mkv": {"aac", "mp3", "mp2", "ac3", "eac3", "flac", "opus", "vorbis", "pcm_s16le", "dts"},
}
ENCODED = {".mp4": ("aac", "AAC"), ".avi": ("libmp3lame", "MP3"), ".mkv": ("aac", "AAC")}
# Sound that is encoded: gaps become silence and overlaps are cut, so that it stays beside the
# frames; then what both encoders take.
FILTERS = (
    ("aresample", "async=1:first_pts=0"),
    ("aformat", "sample_fmts=fltp:sample_rates={rate}:channel_layouts={layout}"),
)
RATES = (48_000, 44_100, 32_000)


class Sound:
    """Writes all sound tracks of `video` into an output container, bit by bit.

    lead: seconds by which the sound begins before the first frame; the frames come later by it,
    but in AVI, whose first frame is at 0; there the sound before it is left out.
    notes: a line for each track that is not copied as it is.
    """

    def __init__(self, video, container, suffix):
        self.lead, self.notes, self._tracks = 0.0, [], {}
        self._stack, self._next = contextlib.ExitStack(), None
        self._packets = iter(())
        if not video.path:
            if video.has_sound:
                self.notes.append(f"{video.name}: its sound is not written, only that of files is")
            return
        try:
            self._open(video, container, suffix)
        except BaseException:
            self._stack.close()
            raise

    def _open(self, video, container, suffix):
        av = video_decoding.pyav()
        file = self._stack.enter_context(video_decoding.open_file(video.path))
        source = self._stack.enter_context(av.open(file))
        streams = [s for s in source.streams.audio if s.codec_context is not None]
        if not streams:
            return
        starts = [s.start_time * s.time_base for s in streams if s.start_time is not None]
        if suffix != ".avi":
            self.lead = float(max(0, video.origin - min(starts, default=video.origin)))
        shift = self.lead - video.origin
        for stream in streams:
            track = _track(stream, container, suffix, shift)
            self._tracks[stream.index] = track
            if isinstance(track, _Encoded):
                old, new = stream.codec_context.codec.canonical_name, ENCODED[suffix][1]
                self.notes.append(f"{video.name}: its sound, {old}, is written as {new}")
        self._packets = _readable(av, source, streams)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def write_until(self, seconds):
        """Write the sound up to a time of the output, in seconds."""
        while True:
            packet = self._next or next(self._packets, None)
            self._next = packet
            if packet is None:
                return
            track = self._tracks[packet.stream_index]
            if packet.pts is not None and float(packet.pts * packet.time_base) > (
                seconds - track.shift
            ):
                return
            self._next = None
            track.write(packet)

    def finish(self):
        """Write what the encoders still hold."""
        for track in self._tracks.values():
            track.finish()


def _readable(av, source, streams):
    """Yield the packets with sound in them, also those after damage.

    Where the clock begins again, as in joined videos, times go on as those of the frames do.
    """
    errors, clocks = 0, {stream.index: _Moved() for stream in streams}
    while errors < video_decoding.MAX_ERRORS:
        try:
            for packet in source.demux(*streams):
                if packet.size:
                    errors = 0
                    clocks[packet.stream_index].move(packet)
                    yield packet
            return
        except av.error.FFmpegError:
            errors += 1


class _Moved:
    """Moves the packets of one track behind the one before where its clock begins again."""

    def __init__(self):
        self._by, self._end = 0, None

    def move(self, packet):
        if packet.pts is None or packet.dts is None:
            return
        if self._end is not None and packet.pts + self._by < self._end - round(
            video_decoding.BACKWARDS / packet.time_base
        ):
            self._by = self._end - packet.pts
        packet.pts, packet.dts = packet.pts + self._by, packet.dts + self._by
        self._end = packet.pts + (packet.duration or 0)


def _track(stream, container, suffix, shift):
    name = stream.codec_context.codec.canonical_name
    # AAC of transport streams comes without the header that files want.
    whole = name != "aac" or stream.codec_context.extradata
    kind = _Copied if name in COPIED[suffix] and whole else _Encoded
    return kind(stream, container, suffix, shift)


class _Copied:
    """A track whose packets are copied."""

    def __init__(self, stream, container, suffix, shift):
        self.shift, self._container, self._last = shift, container, None
        self._out = container.add_stream_from_template(stream)
        _name_language(stream, self._out)

    def write(self, packet):
        if packet.dts is None or packet.pts is None:
            return
        moved = round(self.shift / packet.time_base)
        packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
        # Before the beginning there is silence that encoders need; a container would move all
        # frames to make room for it. Sound that goes back is that of joined videos.
        if packet.pts < 0 or self._last is not None and packet.dts <= self._last:
            return
        self._last, packet.stream = packet.dts, self._out
        self._container.mux(packet)

    def finish(self):
        pass


class _Encoded:
    """A track that is decoded and encoded."""

    def __init__(self, stream, container, suffix, shift):
        av = video_decoding.pyav()
        self.shift, self._container = shift, container
        context = stream.codec_context
        rate = context.sample_rate if context.sample_rate in RATES else RATES[0]
        layout = "mono" if context.channels == 1 else "stereo"
        self._out = container.add_stream(ENCODED[suffix][0], rate=rate, layout=layout)
        _name_language(stream, self._out)
        self._graph = av.filter.Graph()
        nodes = [self._graph.add_abuffer(template=stream)]
        for name, options in FILTERS:
            nodes.append(self._graph.add(name, options.format(rate=rate, layout=layout)))
        nodes.append(self._graph.add("abuffersink"))
        self._graph.link_nodes(*nodes).configure()
        self._av = av

    def write(self, packet):
        try:
            frames = packet.decode()
        except self._av.error.FFmpegError:
            # Silence comes in its place.
            return
        for frame in frames:
            if frame.pts is not None:
                frame.pts += round(self.shift / frame.time_base)
            self._graph.push(frame)
            self._encode_filtered()

    def finish(self):
        self._graph.push(None)
        self._encode_filtered()
        self._container.mux(self._out.encode(None))

    def _encode_filtered(self):
        again = (self._av.error.BlockingIOError, self._av.error.EOFError)
        with contextlib.suppress(*again):
            while True:
                self._container.mux(self._out.encode(self._graph.pull()))


def _name_language(stream, out):
    if stream.language:
        out.metadata["language"] = stream.language
