"""Show frames in a window (Tk, of Python's standard library)."""

from fer2013_tf.utils.errors import UserError

NO_SCREEN = "no screen to show the camera on ({}); add --no-window, and --csv or --annotate"


class Window:
    """Shows one frame after another until it is closed, or q or Escape is pressed."""

    def __init__(self, title):
        try:
            import tkinter

            self._root = tkinter.Tk()
        # _tkinter is missing from some builds of Python; TclError: no display.
        except (ImportError, RuntimeError) as error:
            raise UserError(NO_SCREEN.format(error)) from None
        except Exception as error:
            if type(error).__name__ != "TclError":
                raise
            raise UserError(NO_SCREEN.format(error)) from None
        self.open = True
        self._root.title(f"{title} - press q to end")
        self._root.protocol("WM_DELETE_WINDOW", self._leave)
        for key in ("q", "<Escape>"):
            self._root.bind(key, self._leave)
        self._label, self._shown = tkinter.Label(self._root, borderwidth=0), None
        self._label.pack()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._root.destroy()

    def show(self, image):
        """Show a PIL image; return whether the window is still open."""
        from PIL import ImageTk

        # Tk keeps no reference to the image.
        self._shown = ImageTk.PhotoImage(image, master=self._root)
        self._label.configure(image=self._shown)
        self._root.update()
        return self.open

    def _leave(self, *_):
        self.open = False
