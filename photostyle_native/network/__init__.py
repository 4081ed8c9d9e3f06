"""The network VGG-19 (`vgg19`), its weights (`weights`), and masks at its resolutions (`mask_pyramid`)."""
